/*
 * XML from a store: text in elements, and nothing else. A response is hostile input: a document
 * type (and with it every entity declaration) is refused, and depth, names, texts and the memory
 * that it takes are bounded.
 */
#ifndef MIRROR_S3_XML_H
#define MIRROR_S3_XML_H

#include <archeio/str.h>

#define S3_XML_DEPTH_MAX 8
#define S3_XML_PATH_MAX 256
#define S3_XML_TEXT_MAX 8192 /* of one element */

/* Called at the end of every element: its path ("ListBucketResult/Contents/Key"), and its text
 * without what its children hold. A '/' in the path separates names; a prefix ("s3:") is left out.
 * Both are valid during the call. False ends the reading. */
typedef bool s3_xml_element(void *owner, struct str path, struct str text);

/* False: it is not well formed, or too much for the bounds, or `element` said so; *why (static)
 * says which. White space before it is skipped: stores send it to keep a connection alive. */
bool s3_xml_read(struct str document, s3_xml_element *element, void *owner, const char **why);

#endif
