#include "mirror/s3_answer.h"

#include "mirror/s3_xml.h"

#include "check.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ── XML ── */

struct seen {
    char text[4096];
};

static bool note(void *owner, struct str path, struct str text)
{
    struct seen *s = owner;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof(s->text) - n, "%.*s=%.*s;", (int)path.len, path.data,
             (int)text.len, text.data);
    return true;
}

static void check_xml(const char *document, const char *expected)
{
    struct seen seen = {""};
    const char *why = "";
    if (!s3_xml_read(str_from(document), note, &seen, &why))
        fail_msg("%s: %s", document, why);
    assert_string_equal(seen.text, expected);
}

static void elements_end_with_their_path_and_text(void **state)
{
    (void)state;
    check_xml("<a><b>x</b><c><d>y</d></c></a>", "a/b=x;a/c/d=y;a/c=;a=;");
    check_xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?><a xmlns=\"urn:x\"><b/></a>", "a/b=;a=;");
    check_xml("<s:a xmlns:s=\"urn:x\"><s:b>&lt;&#65;</s:b></s:a>", "a/b=<A;a=;");
    check_xml("<a><![CDATA[x&y]]></a>", "a=x&y;");
}

static void white_space_that_keeps_a_connection_alive_is_skipped(void **state)
{
    (void)state;
    check_xml("  \r\n \t<?xml version=\"1.0\"?>\n\n<a>x</a>\n  ", "a=x;");
}

static void check_refused(const char *document, const char *expected)
{
    struct seen seen = {""};
    const char *why = "";
    assert_false(s3_xml_read(str_from(document), note, &seen, &why));
    if (strstr(why, expected) == NULL)
        fail_msg("%s: \"%s\", expected \"%s\"", document, why, expected);
}

static void what_takes_too_much_memory_is_refused(void **state)
{
    (void)state;
    size_t size = 4 << 20, len = 2;
    char *document = malloc(size);
    memcpy(document, "<a", 2);
    for (int i = 0; len + 32 < size; i++)
        len += (size_t)snprintf(document + len, size - len, " a%d=\"\"", i);
    snprintf(document + len, size - len, "/>");
    check_refused(document, "too much memory");
    free(document);
    check_xml("<a b=\"c\">x</a>", "a=x;");
}

static void entities_and_document_types_are_refused(void **state)
{
    (void)state;
    check_refused("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "document type");
    check_refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "document type");
    check_refused("<!DOCTYPE a><a/>", "document type");
    check_refused("<a>&x;</a>", "undefined entity");
}

static void what_is_too_deep_or_too_long_is_refused(void **state)
{
    static char text[S3_XML_TEXT_MAX + 100];
    (void)state;
    check_refused("<a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>", "too deep");
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "<a>", 3);
    memcpy(text + sizeof(text) - 5, "</a>", 4);
    check_refused(text, "too long");
    memset(text, 'x', 400);
    memcpy(text, "<", 1);
    memcpy(text + 300, "></a>", 6);
    check_refused(text, "too deep");
}

static void what_is_not_well_formed_is_refused(void **state)
{
    (void)state;
    check_refused("", "no element");
    check_refused("<a>", "no element");
    check_refused("<a></b>", "mismatched");
    check_refused("<a/><b/>", "junk");
    check_refused("<a>\x01</a>", "not well-formed");
    check_refused("<a>\xff</a>", "not well-formed");
}

/* ── Lists ── */

#define PAGE                                                                                       \
    "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><Prefix/><KeyCount>2</KeyCount>"       \
    "<IsTruncated>true</IsTruncated><NextContinuationToken>a/b+c=</NextContinuationToken>"         \
    "<Contents><Key>x/sha256%3Aab</Key><Size>12</Size><ETag>&quot;e&quot;</ETag></Contents>"       \
    "<Contents><Size>0</Size><Key>a+b%2Bc%25</Key></Contents>"                                     \
    "<EncodingType>url</EncodingType></ListBucketResult>"

static bool note_object(void *owner, struct str key, int64_t size)
{
    struct seen *s = owner;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof(s->text) - n, "%.*s %lld;", (int)key.len, key.data,
             (long long)size);
    return true;
}

static void a_page_of_a_list_is_read(void **state)
{
    struct seen seen = {""};
    struct s3_answer_list list;
    const char *why;
    (void)state;
    assert_true(s3_answer_list(STR(PAGE), note_object, &seen, &list, &why));
    assert_string_equal(seen.text, "x/sha256:ab 12;a b+c% 0;");
    assert_true(list.more);
    assert_string_equal(list.token, "a/b+c=");
}

static void keys_are_taken_as_they_are_where_nothing_is_encoded(void **state)
{
    struct seen seen = {""};
    struct s3_answer_list list;
    const char *why;
    (void)state;
    assert_true(s3_answer_list(STR("<ListBucketResult><Contents><Key>a+%41</Key><Size>1</Size>"
                                   "</Contents></ListBucketResult>"),
                               note_object, &seen, &list, &why));
    assert_string_equal(seen.text, "a+%41 1;");
    assert_false(list.more);
}

static void check_list_refused(const char *document)
{
    struct seen seen = {""};
    struct s3_answer_list list;
    const char *why;
    if (s3_answer_list(str_from(document), note_object, &seen, &list, &why))
        fail_msg("taken: %s", document);
}

#define LIST(inner) "<ListBucketResult>" inner "</ListBucketResult>"

static void a_list_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    check_list_refused("<Other/>");
    check_list_refused(LIST("<IsTruncated>true</IsTruncated>"));
    check_list_refused(LIST("<IsTruncated>perhaps</IsTruncated>"));
    check_list_refused(LIST("<Contents><Key>a</Key></Contents>"));
    check_list_refused(LIST("<Contents><Size>1</Size></Contents>"));
    check_list_refused(LIST("<Contents><Key>a</Key><Size>-1</Size></Contents>"));
    check_list_refused(LIST("<Contents><Key>a</Key><Size>9223372036854775808</Size></Contents>"));
    check_list_refused(LIST("<EncodingType>url</EncodingType><Contents><Key>a%</Key>"
                            "<Size>1</Size></Contents>"));
    check_list_refused(LIST("<EncodingType>url</EncodingType><Contents><Key>a%00</Key>"
                            "<Size>1</Size></Contents>"));
}

/* Every part of a page, from a buffer that ends at an unmapped page: read to the end or refused,
 * and never beyond; nothing is handed out of what is not whole. */
static void a_page_that_is_cut_anywhere_is_refused(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), len = sizeof(PAGE) - 1;
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)state;
    assert_true(memory != MAP_FAILED && len < page);
    assert_int_equal(mprotect(memory + page, page, PROT_NONE), 0);
    for (size_t n = 0; n < len; n++) {
        struct seen seen = {""};
        struct s3_answer_list list;
        const char *why;
        memcpy(memory + page - n, PAGE, n);
        assert_false(
            s3_answer_list(str_make(memory + page - n, n), note_object, &seen, &list, &why));
        assert_string_equal(seen.text, "");
    }
    munmap(memory, 2 * page);
}

static void note_upload(void *owner, const struct s3_answer_upload *u)
{
    struct seen *s = owner;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof(s->text) - n, "%s %s %lld;", u->key, u->id,
             (long long)u->initiated);
}

static void uploads_are_read(void **state)
{
    struct seen seen = {""};
    struct s3_answer_uploads page;
    const char *why;
    (void)state;
    assert_true(s3_answer_uploads(
        STR("<ListMultipartUploadsResult><NextKeyMarker>k</NextKeyMarker>"
            "<NextUploadIdMarker>m</NextUploadIdMarker><IsTruncated>true</IsTruncated>"
            "<Upload><Key>a:b</Key><UploadId>2~x</UploadId>"
            "<Initiated>2013-05-24T00:00:01.123Z</Initiated></Upload>"
            "<Upload><Key>c</Key><UploadId>y</UploadId></Upload></ListMultipartUploadsResult>"),
        note_upload, &seen, &page, &why));
    assert_string_equal(seen.text, "a:b 2~x 1369353601;c y 0;");
    assert_true(page.more);
    assert_string_equal(page.key_marker, "k");
    assert_string_equal(page.id_marker, "m");
    assert_false(s3_answer_uploads(STR("<ListMultipartUploadsResult><Upload><Key>a</Key></Upload>"
                                       "</ListMultipartUploadsResult>"),
                                   note_upload, &seen, &page, &why));
}

static void note_part(void *owner, const struct s3_answer_part *p)
{
    struct seen *s = owner;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof(s->text) - n, "%u %lld %s;", p->number, (long long)p->size,
             p->etag);
}

static void parts_are_read(void **state)
{
    struct seen seen = {""};
    struct s3_answer_parts page;
    const char *why;
    (void)state;
    assert_true(s3_answer_parts(
        STR("<ListPartsResult><NextPartNumberMarker>2</NextPartNumberMarker>"
            "<IsTruncated>true</IsTruncated><Part><PartNumber>1</PartNumber><Size>5</Size>"
            "<ETag>&quot;ab&quot;</ETag></Part><Part><PartNumber>2</PartNumber><Size>6</Size>"
            "<ETag>cd</ETag></Part></ListPartsResult>"),
        note_part, &seen, &page, &why));
    assert_string_equal(seen.text, "1 5 ab;2 6 cd;");
    assert_int_equal(page.marker, 2);
    assert_false(
        s3_answer_parts(STR("<ListPartsResult><Part><PartNumber>10001</PartNumber><Size>5</Size>"
                            "<ETag>a</ETag></Part></ListPartsResult>"),
                        note_part, &seen, &page, &why));
    assert_false(s3_answer_parts(STR("<x/>"), note_part, &seen, &page, &why));
}

/* ── The rest ── */

static void an_error_is_read_and_is_printable(void **state)
{
    struct s3_answer_error e;
    (void)state;
    s3_answer_error(STR("<Error><Code>AccessDenied</Code><Message>no&#10;\xc3\xa9</Message>"
                        "<Region>eu-west-3</Region></Error>"),
                    &e);
    assert_string_equal(e.code, "AccessDenied");
    assert_string_equal(e.message, "no???");
    assert_string_equal(e.region, "eu-west-3");
    s3_answer_error(STR("<ErrorResponse><Error><Code>x</Code></Error></ErrorResponse>"), &e);
    assert_string_equal(e.code, "x");
    s3_answer_error(STR("<html>Bad gateway"), &e);
    assert_string_equal(e.code, "");
}

static void an_upload_begins_and_is_complete_only_with_the_right_answer(void **state)
{
    char id[S3_ANSWER_UPLOAD_MAX];
    const char *why;
    (void)state;
    assert_true(s3_answer_created(STR("<InitiateMultipartUploadResult><UploadId>2~a</UploadId>"
                                      "</InitiateMultipartUploadResult>"),
                                  id, &why));
    assert_string_equal(id, "2~a");
    assert_false(s3_answer_created(STR("<InitiateMultipartUploadResult/>"), id, &why));
    assert_true(s3_answer_completed(STR("\n \n<CompleteMultipartUploadResult><Key>a</Key>"
                                        "</CompleteMultipartUploadResult>")));
    assert_false(s3_answer_completed(STR("<Error><Code>InternalError</Code></Error>")));
    assert_false(s3_answer_completed(STR("<CompleteMultipartUploadResult>")));
    assert_false(s3_answer_completed(STR("")));
}

static void an_etag_loses_its_quotes_and_can_break_nothing(void **state)
{
    char etag[S3_ANSWER_ETAG_MAX];
    (void)state;
    assert_true(s3_answer_etag(STR("\"ab\""), etag));
    assert_string_equal(etag, "ab");
    assert_true(s3_answer_etag(STR("ab-3"), etag));
    assert_string_equal(etag, "ab-3");
    assert_false(s3_answer_etag(STR(""), etag));
    assert_false(s3_answer_etag(STR("\"\""), etag));
    assert_false(s3_answer_etag(STR("a</ETag>"), etag));
    assert_false(s3_answer_etag(STR("a\r\nb"), etag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_end_with_their_path_and_text),
        cmocka_unit_test(white_space_that_keeps_a_connection_alive_is_skipped),
        cmocka_unit_test(what_takes_too_much_memory_is_refused),
        cmocka_unit_test(entities_and_document_types_are_refused),
        cmocka_unit_test(what_is_too_deep_or_too_long_is_refused),
        cmocka_unit_test(what_is_not_well_formed_is_refused),
        cmocka_unit_test(a_page_of_a_list_is_read),
        cmocka_unit_test(keys_are_taken_as_they_are_where_nothing_is_encoded),
        cmocka_unit_test(a_list_that_does_not_fit_is_refused),
        cmocka_unit_test(a_page_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(uploads_are_read),
        cmocka_unit_test(parts_are_read),
        cmocka_unit_test(an_error_is_read_and_is_printable),
        cmocka_unit_test(an_upload_begins_and_is_complete_only_with_the_right_answer),
        cmocka_unit_test(an_etag_loses_its_quotes_and_can_break_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
