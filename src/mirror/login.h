/*
 * Who we are to a registry: user and password, or an identity token, from where container tools
 * keep them: config.json of $REGISTRY_AUTH_FILE, $DOCKER_CONFIG or ~/.docker, its credential
 * helpers included (the docker-credential-helpers protocol).
 */
#ifndef MIRROR_LOGIN_H
#define MIRROR_LOGIN_H

#include <stdbool.h>

/* Owned texts. All NULL: anonymous. */
struct login {
    char *user;
    char *password;
    char *identity; /* an OAuth2 refresh token, in the place of a password */
};

/* What the files say of a host ("registry.example.com:5000", "docker.io" under its old name, too).
 * False: error says which file or helper is of no use, and why; a host that is not named is
 * anonymous, and true. May run a credential helper, and wait for it. */
bool login_find(const char *host, struct login *out, char error[256]);

/* Wipes and releases. */
void login_release(struct login *l);

/* "user:password" in base64 (RFC 7617), to be secret_free()d; NULL: anonymous, or no memory. */
char *login_basic(const struct login *l);

#endif
