/*
 * libcurl, opened with dlopen() when it is first needed: linking it would cost every start 9 ms and
 * 1.3 MiB, which a server that answers from memory has no use for. The functions have libcurl's own
 * types and its own documentation.
 */
#ifndef CLIENT_LIBCURL_H
#define CLIENT_LIBCURL_H

#include <curl/curl.h>

#define LIBCURL_FUNCTIONS(X)                                                                       \
    X(global_init)                                                                                 \
    X(easy_init)                                                                                   \
    X(easy_cleanup)                                                                                \
    X(easy_reset)                                                                                  \
    X(easy_setopt)                                                                                 \
    X(easy_getinfo)                                                                                \
    X(easy_perform)                                                                                \
    X(easy_strerror)                                                                               \
    X(easy_pause)                                                                                  \
    X(easy_header)                                                                                 \
    X(slist_append)                                                                                \
    X(slist_free_all)                                                                              \
    X(multi_init)                                                                                  \
    X(multi_cleanup)                                                                               \
    X(multi_setopt)                                                                                \
    X(multi_add_handle)                                                                            \
    X(multi_remove_handle)                                                                         \
    X(multi_perform)                                                                               \
    X(multi_poll)                                                                                  \
    X(multi_info_read)

struct libcurl {
#define LIBCURL_MEMBER(name) __typeof__(curl_##name) *name;
    LIBCURL_FUNCTIONS(LIBCURL_MEMBER)
#undef LIBCURL_MEMBER
};

/* The library, opened and initialised, the same ever after; or NULL and *why, a text that lives as
 * long as the program and names the package to install. Safe from any thread. */
const struct libcurl *libcurl_open(const char **why);

/* curl_easy_perform(), during which a peer that hangs up raises no SIGPIPE: CURLOPT_NOSIGNAL leaves
 * that to the caller. */
CURLcode libcurl_perform(const struct libcurl *curl, CURL *easy);

#endif
