#include "client/libcurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LIBRARY "libcurl.so.4"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct libcurl library;
static const struct libcurl *opened;
static char problem[256];

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define FUNCTION(name) {"curl_" #name, offsetof(struct libcurl, name)},
    LIBCURL_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

static void explain(const char *what)
{
    snprintf(problem, sizeof(problem), "cannot use libcurl (install the package libcurl4): %s",
             what != NULL ? what : "unknown reason");
}

static void open_library(void)
{
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        explain(dlerror());
        return;
    }
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
        void *function = dlsym(handle, functions[i].name);
        if (function == NULL) {
            explain(dlerror());
            dlclose(handle);
            return;
        }
        memcpy((char *)&library + functions[i].offset, &function, sizeof(function));
    }
    CURLcode code = library.global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK)
        explain(library.easy_strerror(code));
    else
        opened = &library;
}

const struct libcurl *libcurl_open(const char **why)
{
    pthread_once(&once, open_library);
    if (opened == NULL)
        *why = problem;
    return opened;
}

CURLcode libcurl_perform(const struct libcurl *curl, CURL *easy)
{
    sigset_t pipe_signal, before, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    CURLcode code = curl->easy_perform(easy);
    if (!sigismember(&pending, SIGPIPE)) {
        const struct timespec none = {0};
        sigtimedwait(&pipe_signal, NULL, &none);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}
