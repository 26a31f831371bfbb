#include "mirror/s3_answer.h"

#include "base/num.h"
#include "base/percent.h"
#include "mirror/s3_xml.h"
#include "mirror/stamp.h"

#define PATH_IS(path, text) str_eq((path), STR(text))

/* ── Texts ── */

/* Terminated; false: there is a NUL in it, or no room. */
static bool keep(struct str text, char *out, size_t size)
{
    if (text.len >= size || str_find(text, '\0') < text.len)
        return false;
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

/* For people and logs. */
static void keep_printable(struct str text, char *out, size_t size)
{
    size_t n = text.len < size - 1 ? text.len : size - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = text.data[i] >= 0x20 && text.data[i] < 0x7f ? text.data[i] : '?';
    out[n] = '\0';
}

/* As encoding-type=url has it: '+' is a space. */
static bool decode(char *text)
{
    for (char *at = text; (at = strchr(at, '+')) != NULL;)
        *at = ' ';
    return percent_decode(text);
}

static bool read_number(struct str text, uint64_t max, int64_t *out)
{
    uint64_t value;
    if (!num_parse(text, max, &value))
        return false;
    *out = (int64_t)value;
    return true;
}

static bool read_flag(struct str text, bool *out)
{
    *out = PATH_IS(text, "true");
    return *out || PATH_IS(text, "false");
}

bool s3_answer_etag(struct str text, char out[S3_ANSWER_ETAG_MAX])
{
    if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
        text = str_make(text.data + 1, text.len - 2);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f || strchr("\"<>&", text.data[i]) != NULL)
            return false;
    return text.len > 0 && keep(text, out, S3_ANSWER_ETAG_MAX);
}

/* ── Error ── */

static bool error_element(void *owner, struct str path, struct str text)
{
    struct s3_answer_error *e = owner;
    /* STS wraps it: ErrorResponse/Error/Code. */
    if (str_starts(path, STR("ErrorResponse/")))
        path = str_skip(path, sizeof("ErrorResponse/") - 1);
    if (PATH_IS(path, "Error/Code"))
        keep_printable(text, e->code, sizeof(e->code));
    else if (PATH_IS(path, "Error/Message"))
        keep_printable(text, e->message, sizeof(e->message));
    else if (PATH_IS(path, "Error/Region"))
        keep_printable(text, e->region, sizeof(e->region));
    return true;
}

void s3_answer_error(struct str document, struct s3_answer_error *out)
{
    const char *why;
    memset(out, 0, sizeof(*out));
    s3_xml_read(document, error_element, out, &why);
}

/* ── ListObjectsV2 ── */

struct object {
    char key[3 * S3_ANSWER_KEY_MAX + 1];
    int64_t size; /* -1: not said */
};

struct listing {
    struct s3_answer_list *out;
    bool (*each)(void *owner, struct str key, int64_t size);
    void *owner;
    bool encoded;
    bool named;
    struct object object; /* whose elements are being read */
};

static bool object_ends(struct listing *l)
{
    struct object *o = &l->object;
    bool fits = l->named && o->size >= 0 && (!l->encoded || decode(o->key)) &&
                strlen(o->key) <= S3_ANSWER_KEY_MAX;
    if (fits && !l->out->ended)
        l->out->ended = !l->each(l->owner, str_from(o->key), o->size);
    l->named = false;
    o->size = -1;
    return fits;
}

static bool object_element(void *owner, struct str path, struct str text)
{
    struct listing *l = owner;
    if (PATH_IS(path, "ListBucketResult/Contents/Key"))
        return l->named = keep(text, l->object.key, sizeof(l->object.key));
    if (PATH_IS(path, "ListBucketResult/Contents/Size"))
        return read_number(text, INT64_MAX, &l->object.size);
    return !PATH_IS(path, "ListBucketResult/Contents") || object_ends(l);
}

static bool list_element(void *owner, struct str path, struct str text)
{
    struct listing *l = owner;
    if (PATH_IS(path, "ListBucketResult/EncodingType"))
        l->encoded = PATH_IS(text, "url");
    else if (PATH_IS(path, "ListBucketResult/IsTruncated"))
        return read_flag(text, &l->out->more);
    else if (PATH_IS(path, "ListBucketResult/NextContinuationToken"))
        return keep(text, l->out->token, sizeof(l->out->token));
    else if (PATH_IS(path, "ListBucketResult"))
        l->named = true;
    return true;
}

/* Twice: how keys are written may be said behind them, and nothing is handed out of a response that
 * is not whole. */
bool s3_answer_list(struct str document, bool (*each)(void *owner, struct str key, int64_t size),
                    void *owner, struct s3_answer_list *out, const char **why)
{
    struct listing l = {.out = out, .each = each, .owner = owner, .object = {.size = -1}};
    memset(out, 0, sizeof(*out));
    if (!s3_xml_read(document, list_element, &l, why))
        return false;
    if (!l.named || (out->more && out->token[0] == '\0')) {
        *why = "it is no page of a list";
        return false;
    }
    l.named = false;
    return s3_xml_read(document, object_element, &l, why);
}

/* ── ListMultipartUploads ── */

struct uploads {
    struct s3_answer_uploads *out;
    void (*each)(void *owner, const struct s3_answer_upload *upload);
    void *owner;
    bool is_one; /* a ListMultipartUploadsResult */
    char key[S3_ANSWER_KEY_MAX + 1];
    char id[S3_ANSWER_UPLOAD_MAX];
    int64_t initiated;
};

static bool upload_ends(struct uploads *u)
{
    if (u->key[0] == '\0' || u->id[0] == '\0')
        return false;
    u->each(u->owner, &(struct s3_answer_upload){u->key, u->id, u->initiated});
    u->key[0] = u->id[0] = '\0';
    u->initiated = 0;
    return true;
}

static bool upload_element(void *owner, struct str path, struct str text)
{
    struct uploads *u = owner;
    char date[64];
    if (PATH_IS(path, "ListMultipartUploadsResult/Upload/Key"))
        return keep(text, u->key, sizeof(u->key));
    if (PATH_IS(path, "ListMultipartUploadsResult/Upload/UploadId"))
        return keep(text, u->id, sizeof(u->id));
    if (PATH_IS(path, "ListMultipartUploadsResult/Upload/Initiated"))
        return keep(text, date, sizeof(date)) && (stamp_iso(date, &u->initiated) || true);
    return !PATH_IS(path, "ListMultipartUploadsResult/Upload") || upload_ends(u);
}

static bool uploads_element(void *owner, struct str path, struct str text)
{
    struct uploads *u = owner;
    if (PATH_IS(path, "ListMultipartUploadsResult/IsTruncated"))
        return read_flag(text, &u->out->more);
    else if (PATH_IS(path, "ListMultipartUploadsResult/NextKeyMarker"))
        return keep(text, u->out->key_marker, sizeof(u->out->key_marker));
    else if (PATH_IS(path, "ListMultipartUploadsResult/NextUploadIdMarker"))
        return keep(text, u->out->id_marker, sizeof(u->out->id_marker));
    else if (PATH_IS(path, "ListMultipartUploadsResult"))
        u->is_one = true;
    return true;
}

bool s3_answer_uploads(struct str document,
                       void (*each)(void *owner, const struct s3_answer_upload *upload),
                       void *owner, struct s3_answer_uploads *out, const char **why)
{
    struct uploads u = {.out = out, .each = each, .owner = owner};
    memset(out, 0, sizeof(*out));
    if (!s3_xml_read(document, uploads_element, &u, why))
        return false;
    if (!u.is_one || (out->more && out->key_marker[0] == '\0')) {
        *why = "it is no page of a list of uploads";
        return false;
    }
    return s3_xml_read(document, upload_element, &u, why);
}

/* ── ListParts ── */

struct parts {
    struct s3_answer_parts *out;
    void (*each)(void *owner, const struct s3_answer_part *part);
    void *owner;
    bool is_one;
    int64_t number;
    int64_t size;
    char etag[S3_ANSWER_ETAG_MAX];
};

static bool part_ends(struct parts *p)
{
    if (p->number <= 0 || p->size < 0 || p->etag[0] == '\0')
        return false;
    p->each(p->owner, &(struct s3_answer_part){(unsigned)p->number, p->size, p->etag});
    p->number = p->size = -1;
    p->etag[0] = '\0';
    return true;
}

static bool parts_element(void *owner, struct str path, struct str text)
{
    struct parts *p = owner;
    int64_t marker = 0;
    if (PATH_IS(path, "ListPartsResult/Part/PartNumber"))
        return read_number(text, 10000, &p->number);
    if (PATH_IS(path, "ListPartsResult/Part/Size"))
        return read_number(text, INT64_MAX, &p->size);
    if (PATH_IS(path, "ListPartsResult/Part/ETag"))
        return s3_answer_etag(text, p->etag);
    if (PATH_IS(path, "ListPartsResult/Part"))
        return part_ends(p);
    if (PATH_IS(path, "ListPartsResult/IsTruncated"))
        return read_flag(text, &p->out->more);
    if (PATH_IS(path, "ListPartsResult/NextPartNumberMarker") && text.len > 0) {
        bool fits = read_number(text, 10000, &marker);
        p->out->marker = (unsigned)marker;
        return fits;
    }
    p->is_one = p->is_one || PATH_IS(path, "ListPartsResult");
    return true;
}

bool s3_answer_parts(struct str document,
                     void (*each)(void *owner, const struct s3_answer_part *part), void *owner,
                     struct s3_answer_parts *out, const char **why)
{
    struct parts p = {.out = out, .each = each, .owner = owner, .number = -1, .size = -1};
    memset(out, 0, sizeof(*out));
    if (!s3_xml_read(document, parts_element, &p, why))
        return false;
    *why = "it is no page of a list of parts";
    return p.is_one && (!out->more || out->marker > 0);
}

/* ── CreateMultipartUpload, CompleteMultipartUpload ── */

static bool created_element(void *owner, struct str path, struct str text)
{
    if (PATH_IS(path, "InitiateMultipartUploadResult/UploadId"))
        return keep(text, owner, S3_ANSWER_UPLOAD_MAX);
    return true;
}

bool s3_answer_created(struct str document, char id[S3_ANSWER_UPLOAD_MAX], const char **why)
{
    id[0] = '\0';
    if (!s3_xml_read(document, created_element, id, why))
        return false;
    *why = "it names no upload";
    return id[0] != '\0';
}

static bool completed_element(void *owner, struct str path, struct str text)
{
    bool *completed = owner;
    (void)text;
    *completed = *completed || PATH_IS(path, "CompleteMultipartUploadResult");
    return true;
}

bool s3_answer_completed(struct str document)
{
    const char *why;
    bool completed = false;
    return s3_xml_read(document, completed_element, &completed, &why) && completed;
}
