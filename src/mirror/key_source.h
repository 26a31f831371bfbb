/*
 * Who gives keys that expire: STS for a web identity, a container's endpoint, the machine's
 * instance metadata service. Each asks anew, and waits some seconds at most. False: error says what
 * went wrong, and nothing secret.
 */
#ifndef MIRROR_KEY_SOURCE_H
#define MIRROR_KEY_SOURCE_H

#include "mirror/credentials.h"

/* AssumeRoleWithWebIdentity ("AWS Security Token Service API reference"). The file is read anew
 * each time: whoever runs us replaces the token in it. */
struct key_source_role {
    const char *role;       /* its ARN */
    const char *token_file; /* with the identity's token */
    const char *region;     /* NULL: STS's global endpoint */
};

bool key_source_role(const struct key_source_role *role, struct credentials_keys *out,
                     char error[256]);

/* AWS_CONTAINER_CREDENTIALS_* ("Container credential provider", AWS SDKs and Tools reference). */
bool key_source_has_container(void);
bool key_source_container(struct credentials_keys *out, char error[256]);

/* "Use the Instance Metadata Service Version 2", Amazon EC2 user guide. Not where
 * AWS_EC2_METADATA_DISABLED is true. */
bool key_source_has_machine(void);
bool key_source_machine(struct credentials_keys *out, char error[256]);

#endif
