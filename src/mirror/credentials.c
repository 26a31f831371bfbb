#include "mirror/credentials.h"

#include "mirror/key_source.h"
#include "mirror/profile.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/xalloc.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EARLY_S 300 /* before keys expire, new ones are asked for */
#define AGAIN_S 5   /* after nobody gave any */

enum source { ENVIRONMENT, PROFILE, ROLE, CONTAINER, MACHINE, NOBODY };

struct credentials {
    enum source source;
    char name[128]; /* for people */
    char *profile;  /* its name */
    char *region;
    char *role;
    char *token_file;

    pthread_mutex_t lock; /* of what follows */
    struct credentials_keys keys;
    bool has_keys;
    int64_t next_try;
    char why[256]; /* the last try failed */
};

void credentials_wipe(struct credentials_keys *keys)
{
    OPENSSL_cleanse(keys, sizeof(*keys));
}

/* ── Keys that are written down ── */

static bool set_keys(struct credentials *c, const char *access_key, const char *secret_key,
                     const char *token)
{
    struct credentials_keys *k = &c->keys;
    c->has_keys = strlen(access_key) < sizeof(k->access_key) &&
                  strlen(secret_key) < sizeof(k->secret_key) - 4 &&
                  (token == NULL || strlen(token) < sizeof(k->token));
    if (!c->has_keys)
        return false;
    memset(k, 0, sizeof(*k));
    memcpy(k->access_key, access_key, strlen(access_key));
    memcpy(k->secret_key, secret_key, strlen(secret_key));
    if (token != NULL)
        memcpy(k->token, token, strlen(token));
    return true;
}

/* 1: there are some, 0: there are none, -1: error says what is wrong with them. */
static int from_environment(struct credentials *c, char error[256])
{
    const char *access_key = env_text("AWS_ACCESS_KEY_ID");
    const char *secret_key = env_text("AWS_SECRET_ACCESS_KEY");
    if (access_key == NULL && secret_key == NULL)
        return 0;
    if (access_key == NULL || secret_key == NULL) {
        snprintf(error, 256, "%s is set and %s is not: set both, or neither",
                 access_key != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                 access_key != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
        return -1;
    }
    if (!set_keys(c, access_key, secret_key, env_text("AWS_SESSION_TOKEN"))) {
        snprintf(error, 256, "AWS_ACCESS_KEY_ID and what belongs to it are too long to be keys");
        return -1;
    }
    c->source = ENVIRONMENT;
    snprintf(c->name, sizeof(c->name), "the environment (AWS_ACCESS_KEY_ID)");
    return 1;
}

static int take_profile(struct credentials *c, const struct profile *p, bool is_wanted,
                        char error[256])
{
    snprintf(c->name, sizeof(c->name), "the profile \"%.80s\"", c->profile);
    if (c->region == NULL && p->region != NULL)
        c->region = xalloc_text(p->region);
    if (p->access_key != NULL && p->secret_key != NULL) {
        c->source = PROFILE;
        if (set_keys(c, p->access_key, p->secret_key, p->token))
            return 1;
        snprintf(error, 256, "%s: its keys are too long to be keys", c->name);
        return -1;
    }
    if (p->role != NULL && p->token_file != NULL) {
        c->source = ROLE;
        c->role = xalloc_text(p->role);
        c->token_file = xalloc_text(p->token_file);
        return 1;
    }
    if (!is_wanted)
        return 0;
    snprintf(error, 256,
             p->found ? "%s has no keys: expected aws_access_key_id and "
                        "aws_secret_access_key, or role_arn and web_identity_token_file"
                      : "%s is in no file: expected a section of this name in "
                        "~/.aws/credentials",
             c->name);
    return -1;
}

static int from_profile(struct credentials *c, bool is_wanted, char error[256])
{
    struct profile p;
    if (!profile_read(c->profile, &p, error))
        return -1;
    int got = take_profile(c, &p, is_wanted, error);
    profile_release(&p);
    return got;
}

/* ── Who gives keys ── */

static void choose_giver(struct credentials *c)
{
    const char *role = env_text("AWS_ROLE_ARN"), *file = env_text("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (role != NULL && file != NULL) {
        c->source = ROLE;
        c->role = xalloc_text(role);
        c->token_file = xalloc_text(file);
        snprintf(c->name, sizeof(c->name), "the web identity (AWS_WEB_IDENTITY_TOKEN_FILE)");
    } else if (key_source_has_container()) {
        c->source = CONTAINER;
        snprintf(c->name, sizeof(c->name), "the container's credentials endpoint");
    } else {
        c->source = key_source_has_machine() ? MACHINE : NOBODY;
        snprintf(c->name, sizeof(c->name), "this machine's role");
    }
}

static bool choose(struct credentials *c, bool is_named, char error[256])
{
    int got = is_named ? 0 : from_environment(c, error);
    if (got == 0)
        got = from_profile(c, is_named || env_text("AWS_PROFILE") != NULL, error);
    if (got == 0)
        choose_giver(c);
    return got >= 0;
}

struct credentials *credentials_new(const char *profile, char error[256])
{
    struct credentials *c = xalloc_zero(1, sizeof(*c));
    const char *region = env_text("AWS_REGION");
    if (region == NULL)
        region = env_text("AWS_DEFAULT_REGION");
    pthread_mutex_init(&c->lock, NULL);
    c->profile = xalloc_text(profile != NULL ? profile : profile_default());
    c->region = region != NULL ? xalloc_text(region) : NULL;
    if (choose(c, profile != NULL, error))
        return c;
    credentials_free(c);
    return NULL;
}

void credentials_free(struct credentials *c)
{
    if (c == NULL)
        return;
    credentials_wipe(&c->keys);
    pthread_mutex_destroy(&c->lock);
    free(c->profile);
    free(c->region);
    free(c->role);
    free(c->token_file);
    free(c);
}

const char *credentials_region(const struct credentials *c)
{
    return c->region;
}

const char *credentials_source_name(const struct credentials *c)
{
    return c->name;
}

/* ── Having them anew ── */

static bool ask_giver(struct credentials *c, struct credentials_keys *keys)
{
    switch (c->source) {
    case ROLE:
        return key_source_role(&(struct key_source_role){c->role, c->token_file, c->region}, keys,
                               c->why);
    case CONTAINER:
        return key_source_container(keys, c->why);
    case MACHINE:
        return key_source_machine(keys, c->why);
    default:
        snprintf(c->why, sizeof(c->why), "nobody gives any");
        return false;
    }
}

static void renew(struct credentials *c, int64_t now)
{
    struct credentials_keys keys;
    if (now < c->next_try)
        return;
    /* After a success, too: who gives keys that are nearly over is not asked for every request. */
    c->next_try = now + AGAIN_S;
    if (ask_giver(c, &keys)) {
        c->keys = keys;
        c->has_keys = true;
    }
    credentials_wipe(&keys);
}

static bool hold(const struct credentials *c, int64_t now)
{
    return c->has_keys && (c->keys.expires == 0 || now < c->keys.expires);
}

bool credentials_get(struct credentials *c, struct credentials_keys *out, char error[256])
{
    int64_t now = clock_wall();
    pthread_mutex_lock(&c->lock);
    if (!hold(c, now + EARLY_S))
        renew(c, now);
    bool got = hold(c, now);
    if (got)
        *out = c->keys;
    else if (c->source == MACHINE || c->source == NOBODY)
        snprintf(error, 256,
                 "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a "
                 "profile (%.120s)",
                 c->why);
    else
        snprintf(error, 256, "no credentials from %.100s: %.120s", c->name, c->why);
    pthread_mutex_unlock(&c->lock);
    return got;
}

static bool are_same(const struct credentials_keys *a, const struct credentials_keys *b)
{
    return strcmp(a->access_key, b->access_key) == 0 && strcmp(a->token, b->token) == 0;
}

/* A profile's file may have been written anew by whoever logs in. */
static void read_profile_again(struct credentials *c)
{
    struct profile p;
    char error[256];
    if (!profile_read(c->profile, &p, error))
        return;
    if (p.access_key != NULL && p.secret_key != NULL)
        set_keys(c, p.access_key, p.secret_key, p.token);
    profile_release(&p);
}

bool credentials_expired(struct credentials *c, const struct credentials_keys *used)
{
    int64_t now = clock_wall();
    pthread_mutex_lock(&c->lock);
    bool is_current = are_same(used, &c->keys);
    if (is_current && c->source == PROFILE)
        read_profile_again(c);
    else if (is_current && c->source != ENVIRONMENT)
        renew(c, now);
    bool others = !are_same(used, &c->keys);
    pthread_mutex_unlock(&c->lock);
    return others;
}
