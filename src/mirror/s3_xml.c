#include "mirror/s3_xml.h"

#include <expat.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>

#define MEMORY_MAX                                                                                 \
    (2 << 20) /* bytes that a document takes besides itself: it has no attributes                  \
               */

/* What this thread's document may still take. */
static _Thread_local size_t left;

static void *retake(void *block, size_t size)
{
    size_t before = block != NULL ? malloc_usable_size(block) : 0;
    if (size > left + before)
        return NULL;
    void *grown = realloc(block, size);
    size_t after = grown != NULL ? malloc_usable_size(grown) : before;
    left = left + before > after ? left + before - after : 0;
    return grown;
}

static void *take(size_t size)
{
    return retake(NULL, size);
}

static void give(void *block)
{
    if (block != NULL)
        left += malloc_usable_size(block);
    free(block);
}

static const XML_Memory_Handling_Suite memory = {take, retake, give};

struct reading {
    XML_Parser parser;
    s3_xml_element *element;
    void *owner;
    const char *why; /* NULL: all is well */
    char path[S3_XML_PATH_MAX];
    size_t path_len;
    unsigned depth;
    char text[S3_XML_TEXT_MAX]; /* of the innermost element that is open */
    size_t text_len;
};

static void refuse(struct reading *r, const char *why)
{
    if (r->why == NULL)
        r->why = why;
    XML_StopParser(r->parser, XML_FALSE);
}

static void doctype(void *context, const XML_Char *name, const XML_Char *system,
                    const XML_Char *public, int has_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_subset;
    refuse(context, "it declares a document type");
}

static void opened(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *r = context;
    struct str local = str_from(name);
    (void)attributes;
    size_t colon = str_find_last(local, ':');
    if (colon < local.len)
        local = str_skip(local, colon + 1);
    if (r->depth == S3_XML_DEPTH_MAX || r->path_len + 1 + local.len > sizeof(r->path)) {
        refuse(r, "its elements lie too deep");
        return;
    }
    if (r->depth > 0)
        r->path[r->path_len++] = '/';
    memcpy(r->path + r->path_len, local.data, local.len);
    r->path_len += local.len;
    r->depth++;
    r->text_len = 0;
}

static void closed(void *context, const XML_Char *name)
{
    struct reading *r = context;
    struct str path = str_make(r->path, r->path_len);
    (void)name;
    if (r->why != NULL)
        return;
    if (!r->element(r->owner, path, str_make(r->text, r->text_len)))
        refuse(r, "it is not what was expected");
    size_t slash = str_find_last(path, '/');
    r->path_len = slash < path.len ? slash : 0;
    r->depth--;
    r->text_len = 0;
}

static void text(void *context, const XML_Char *data, int len)
{
    struct reading *r = context;
    if (r->why != NULL)
        return;
    if ((size_t)len > sizeof(r->text) - r->text_len) {
        refuse(r, "a text in it is too long");
        return;
    }
    memcpy(r->text + r->text_len, data, (size_t)len);
    r->text_len += (size_t)len;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool s3_xml_read(struct str document, s3_xml_element *element, void *owner, const char **why)
{
    struct reading r = {.element = element, .owner = owner};
    while (document.len > 0 && is_space(document.data[0]))
        document = str_skip(document, 1);
    *why = "it is too long";
    if (document.len > INT_MAX)
        return false;
    *why = "out of memory";
    left = MEMORY_MAX;
    r.parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);
    if (r.parser == NULL)
        return false;
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, opened, closed);
    XML_SetCharacterDataHandler(r.parser, text);
    XML_SetStartDoctypeDeclHandler(r.parser, doctype);
    bool whole = XML_Parse(r.parser, document.data, (int)document.len, 1) == XML_STATUS_OK;
    enum XML_Error error = XML_GetErrorCode(r.parser);
    *why = r.why != NULL                  ? r.why
           : error == XML_ERROR_NO_MEMORY ? "it takes too much memory"
                                          : XML_ErrorString(error);
    XML_ParserFree(r.parser);
    return whole && r.why == NULL;
}
