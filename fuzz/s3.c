/*
 * What S3 answers: the input is a document, read as every kind of answer.
 *
 * It is refused with a reason, or is of one kind only; names are within their bounds and without a
 * NUL; an answer that goes on says where; nobody is called again who said that it is enough; what
 * people get to see is printable.
 */
#include "fuzz.h"

#include "mirror/s3_answer.h"
#include "mirror/s3_xml.h"

struct seen {
    size_t n;
    size_t enough; /* so many are wanted */
};

static void check_text(const char *text, size_t size)
{
    FUZZ_CHECK(memchr(text, '\0', size) != NULL);
}

static bool see_object(void *owner, struct str key, int64_t size)
{
    struct seen *s = owner;
    FUZZ_CHECK(s->n < s->enough);
    FUZZ_CHECK(key.len <= S3_ANSWER_KEY_MAX && str_find(key, '\0') == key.len && size >= 0);
    return ++s->n < s->enough;
}

static void see_upload(void *owner, const struct s3_answer_upload *u)
{
    (void)owner;
    FUZZ_CHECK(u->key[0] != '\0' && strlen(u->key) <= S3_ANSWER_KEY_MAX);
    FUZZ_CHECK(u->id[0] != '\0' && strlen(u->id) < S3_ANSWER_UPLOAD_MAX);
}

static void see_part(void *owner, const struct s3_answer_part *p)
{
    char again[S3_ANSWER_ETAG_MAX];
    (void)owner;
    FUZZ_CHECK(p->number >= 1 && p->number <= 10000 && p->size >= 0);
    FUZZ_CHECK(s3_answer_etag(str_from(p->etag), again) && strlen(p->etag) >= strlen(again));
}

static bool read_list(struct str document, size_t enough, struct seen *seen)
{
    struct s3_answer_list page;
    const char *why = NULL;
    *seen = (struct seen){.enough = enough};
    bool fits = s3_answer_list(document, see_object, seen, &page, &why);
    FUZZ_CHECK(fits || (why != NULL && why[0] != '\0'));
    check_text(page.token, sizeof(page.token));
    FUZZ_CHECK(!fits || !page.more || page.token[0] != '\0');
    FUZZ_CHECK(page.ended == (seen->n == enough));
    return fits;
}

static bool check_list(struct str document)
{
    struct seen all, one;
    bool fits = read_list(document, SIZE_MAX, &all);
    FUZZ_CHECK(read_list(document, 1, &one) == fits && one.n == (all.n > 0));
    return fits;
}

static bool check_uploads(struct str document)
{
    struct s3_answer_uploads page;
    const char *why = NULL;
    bool fits = s3_answer_uploads(document, see_upload, NULL, &page, &why);
    FUZZ_CHECK(fits || (why != NULL && why[0] != '\0'));
    FUZZ_CHECK(!fits || !page.more || page.key_marker[0] != '\0');
    check_text(page.key_marker, sizeof(page.key_marker));
    check_text(page.id_marker, sizeof(page.id_marker));
    return fits;
}

static bool check_parts(struct str document)
{
    struct s3_answer_parts page;
    const char *why = NULL;
    bool fits = s3_answer_parts(document, see_part, NULL, &page, &why);
    FUZZ_CHECK(fits || (why != NULL && why[0] != '\0'));
    FUZZ_CHECK(!fits || !page.more || (page.marker > 0 && page.marker <= 10000));
    return fits;
}

static bool check_created(struct str document)
{
    char id[S3_ANSWER_UPLOAD_MAX];
    const char *why = NULL;
    bool fits = s3_answer_created(document, id, &why);
    FUZZ_CHECK(fits ? id[0] != '\0' : why != NULL && why[0] != '\0');
    check_text(id, sizeof(id));
    return fits;
}

static void check_printable(const char *text, size_t size)
{
    check_text(text, size);
    for (const char *at = text; *at != '\0'; at++)
        FUZZ_CHECK(*at >= 0x20 && *at < 0x7f);
}

static bool check_error(struct str document)
{
    struct s3_answer_error e;
    s3_answer_error(document, &e);
    check_printable(e.code, sizeof(e.code));
    check_printable(e.message, sizeof(e.message));
    check_printable(e.region, sizeof(e.region));
    return e.code[0] != '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    struct str document = str_make(copy, size);
    int kinds = check_list(document) + check_uploads(document) + check_parts(document) +
                check_created(document) + s3_answer_completed(document);
    FUZZ_CHECK(kinds <= 1);
    FUZZ_CHECK(!check_error(document) || kinds == 0);
    free(copy);
    return 0;
}
