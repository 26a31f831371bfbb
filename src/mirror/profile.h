/*
 * A profile of the AWS tools' shared files: ~/.aws/credentials and ~/.aws/config, or what
 * AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name. What stands in the first counts before the
 * second.
 */
#ifndef MIRROR_PROFILE_H
#define MIRROR_PROFILE_H

#include <stdbool.h>

/* Owned texts, NULL where nothing is said. */
struct profile {
    bool found; /* one of the files has a section of this name */
    char *access_key;
    char *secret_key;
    char *token;
    char *region;
    char *role;       /* role_arn */
    char *token_file; /* web_identity_token_file */
};

/* The one that AWS_PROFILE names, or "default". */
const char *profile_default(void);

/* Files that do not exist say nothing. False: error says which one cannot be read, and why. */
bool profile_read(const char *name, struct profile *out, char error[256]);

/* Wipes and releases. */
void profile_release(struct profile *p);

#endif
