/*
 * Keys for S3, from where the AWS tools look for them, in this order: the environment
 * (AWS_ACCESS_KEY_ID ...), a profile of the shared files, a web identity (AWS_ROLE_ARN and
 * AWS_WEB_IDENTITY_TOKEN_FILE, by STS), the container's endpoint
 * (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI), and the machine's (IMDSv2). A profile that
 * somebody names comes first.
 *
 * Keys that expire are had anew some minutes before. All functions may be called from any thread.
 * Nothing secret is in any error.
 */
#ifndef MIRROR_CREDENTIALS_H
#define MIRROR_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

struct credentials;

/* profile: the one to use, or NULL. Reads environment and files, and contacts nobody. NULL: error
 * says what is wrong. */
struct credentials *credentials_new(const char *profile, char error[256]);
void credentials_free(struct credentials *c);

/* The region that environment or profile name; NULL: they name none. Lives as long as c. */
const char *credentials_region(const struct credentials *c);

/* For people: "the environment", "the profile \"x\"". Lives as long as c. */
const char *credentials_source_name(const struct credentials *c);

#define CREDENTIALS_KEY_MAX 256
#define CREDENTIALS_TOKEN_MAX 8192

struct credentials_keys {
    char access_key[CREDENTIALS_KEY_MAX];
    char secret_key[CREDENTIALS_KEY_MAX];
    char token[CREDENTIALS_TOKEN_MAX]; /* "" if there is none */
    int64_t expires;                   /* seconds since 1970; 0: never, as far as is known */
};

/* Keys that hold now; wipe them after use. May wait some seconds for who gives them. False: error
 * says what was tried and what to do. */
bool credentials_get(struct credentials *c, struct credentials_keys *out, char error[256]);

/* A server says that these keys have expired: true if credentials_get() will have others. */
bool credentials_expired(struct credentials *c, const struct credentials_keys *used);

void credentials_wipe(struct credentials_keys *keys);

#endif
