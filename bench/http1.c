/*
 * What the request path spends on bytes: a head parsed, an answer written, in nanoseconds of one
 * core, the best of several runs.
 */
#include "http/http1.h"
#include "http/respond.h"
#include "sys/clock.h"

#include <stdio.h>

#define ROUNDS 9
#define PER_ROUND 200000

/* What containerd sends for a layer, with what a load balancer in front adds. */
static const char blob[] =
    "GET /v2/kube-apiserver/blobs/sha256:"
    "4e45b4ab11c1a7f0b4a2f5d1b9c9f0d2d6a9c2a0e7b7a4b1b1f0d3d8c5e6f7a8 HTTP/1.1\r\n"
    "Host: registry.example.org\r\n"
    "User-Agent: containerd/1.7.13\r\n"
    "Accept: application/vnd.oci.image.layer.v1.tar+gzip, */*\r\n"
    "Accept-Encoding: zstd;q=1.0, gzip;q=0.8, deflate;q=0.5\r\n"
    "X-Forwarded-For: 203.0.113.77, 35.180.1.2, 130.211.0.1\r\n"
    "\r\n";

static const char manifest[] = "HEAD /v2/kube-apiserver/manifests/v1.29.2 HTTP/1.1\r\n"
                               "Host: registry.example.org\r\n"
                               "User-Agent: containerd/1.7.13\r\n"
                               "Accept: application/vnd.docker.distribution.manifest.v2+json, "
                               "application/vnd.docker.distribution.manifest.list.v2+json, "
                               "application/vnd.oci.image.manifest.v1+json, "
                               "application/vnd.oci.image.index.v1+json, */*\r\n"
                               "X-Forwarded-For: 203.0.113.77, 35.180.1.2, 130.211.0.1\r\n"
                               "\r\n";

/* Results go here, so that no call is optimised away. */
static volatile size_t sink;

static size_t parse_whole(const char *head, size_t len)
{
    struct http1_parser parser = {0};
    struct http_request request;
    return http1_parse(&parser, head, len, &request) == HTTP1_DONE ? request.head_size : 0;
}

static size_t parse_dripped(const char *head, size_t len)
{
    struct http1_parser parser = {0};
    struct http_request request;
    for (size_t n = 1; n < len; n++)
        if (http1_parse(&parser, head, n, &request) != HTTP1_MORE)
            return 0;
    return http1_parse(&parser, head, len, &request) == HTTP1_DONE ? request.head_size : 0;
}

static size_t write_redirect(const char *location, size_t len)
{
    static char memory[1024];
    struct buf out = buf_make(memory, sizeof(memory));
    struct decide_answer answer = {.status = 307, .step = DECIDE_R12};
    answer.location = str_make(memory + RESPOND_LOCATION_AT, len);
    memcpy(memory + RESPOND_LOCATION_AT, location, len);
    const struct respond_options options = {.date = "Sun, 06 Nov 1994 08:49:37 GMT"};
    respond_answer(&out, &answer, &options);
    return out.len;
}

static void measure(const char *what, size_t (*run)(const char *, size_t), struct str input,
                    int per_round)
{
    int64_t best = INT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = clock_now();
        for (int i = 0; i < per_round; i++)
            sink = run(input.data, input.len);
        int64_t took = clock_now() - start;
        best = took < best ? took : best;
    }
    printf("%-40s %4zu bytes %9.1f ns\n", what, input.len, (double)best / per_round);
}

int main(void)
{
    measure("blob request, whole", parse_whole, STR(blob), PER_ROUND);
    measure("manifest request, whole", parse_whole, STR(manifest), PER_ROUND);
    measure("blob request, byte by byte", parse_dripped, STR(blob), PER_ROUND / 100);
    measure("redirect written (Location in place)", write_redirect,
            STR("https://registry-blobs.eu-central-1.example.org/containers/images/sha256:"
                "4e45b4ab11c1a7f0b4a2f5d1b9c9f0d2d6a9c2a0e7b7a4b1b1f0d3d8c5e6f7a8"),
            PER_ROUND);
    return 0;
}
