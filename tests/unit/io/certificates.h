/*
 * Certificates made for a test: self-signed, of a P-256 key, as PEM files in a directory of its
 * own.
 */
#ifndef TESTS_UNIT_IO_CERTIFICATES_H
#define TESTS_UNIT_IO_CERTIFICATES_H

#include "io/tls.h"

#include "check.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#define CERTIFICATES_PATH 64
#define CERTIFICATES_DAYS 30

struct certificate {
    char certificate[CERTIFICATES_PATH];
    char key[CERTIFICATES_PATH];
};

/* One directory a program, removed with what was made in it. */
static char certificates_directory[] = "/tmp/archeio-tls-XXXXXX";

static inline int certificates_begin(void **state)
{
    (void)state;
    return mkdtemp(certificates_directory) == NULL;
}

static inline int certificates_end(void **state)
{
    (void)state;
    char command[CERTIFICATES_PATH + 8];
    snprintf(command, sizeof(command), "rm -r %s", certificates_directory);
    return system(command);
}

static inline void certificates_write(const struct certificate *c, X509 *x509, EVP_PKEY *key,
                                      const char *passphrase)
{
    FILE *f = fopen(c->certificate, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, x509), 1);
    fclose(f);
    f = fopen(c->key, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
                                          NULL, 0, NULL, (void *)(uintptr_t)passphrase),
                     1);
    fclose(f);
}

/* names: as in "DNS:a.example,DNS:*.b.example"; passphrase: of the key, or NULL. */
static inline struct certificate certificates_make(const char *label, const char *names,
                                                   const char *passphrase)
{
    struct certificate c;
    snprintf(c.certificate, sizeof(c.certificate), "%s/%s.crt", certificates_directory, label);
    snprintf(c.key, sizeof(c.key), "%s/%s.key", certificates_directory, label);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    assert_non_null(key);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), CERTIFICATES_DAYS * 24L * 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               (const unsigned char *)label, -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_set_pubkey(x509, key);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, (char *)(uintptr_t)names);
    assert_non_null(extension);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
    assert_int_not_equal(X509_sign(x509, key, EVP_sha256()), 0);
    certificates_write(&c, x509, key, passphrase);
    X509_free(x509);
    EVP_PKEY_free(key);
    return c;
}

#endif
