/* TLS between bytes in memory, against OpenSSL's client: which files are taken, which certificate
 * and protocol a client gets, tickets, and input that is cut anywhere. */
#include "io/tls.h"

#include "certificates.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define ROOM 65536
#define BOTH (TLS_HTTP1 | TLS_H2)
#define H2_AND_HTTP1 "\x02h2\x08http/1.1"

/* ── A client and a server ── */

struct talk {
    struct tls_io *io;
    struct ssl_st *server;
    SSL_CTX *ctx;
    SSL *client;
    BIO *to_client;
    BIO *to_server;
    size_t piece; /* how many bytes the server gets at once, at most */
    enum tls_result result;
};

static struct tls_context *context(const struct certificate *c, size_t n, unsigned protocols,
                                   struct tls_tickets *tickets)
{
    struct tls_files files[4];
    struct tls_problem problem;
    for (size_t i = 0; i < n; i++)
        files[i] = (struct tls_files){c[i].certificate, c[i].key};
    struct tls_context *made =
        tls_context_new(&(struct tls_options){files, n, protocols, tickets}, &problem);
    if (made == NULL)
        fail_msg("%s", problem.text);
    return made;
}

static struct talk begin(struct tls_context *c, int version)
{
    struct talk t = {.io = tls_io_new(ROOM), .piece = ROOM};
    t.server = tls_new(c, t.io);
    t.ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(t.ctx, version);
    SSL_CTX_set_max_proto_version(t.ctx, version);
    t.client = SSL_new(t.ctx);
    t.to_client = BIO_new(BIO_s_mem());
    t.to_server = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(t.to_client, -1);
    SSL_set_bio(t.client, t.to_client, t.to_server);
    SSL_set_connect_state(t.client);
    return t;
}

static void end(struct talk *t)
{
    SSL_free(t->client);
    SSL_CTX_free(t->ctx);
    tls_free(t->server);
    tls_io_free(t->io);
    ERR_clear_error();
}

static void pass_to_client(struct talk *t)
{
    if (t->io->out_len > 0)
        BIO_write(t->to_client, t->io->out, (int)t->io->out_len);
    t->io->out_len = 0;
}

/* What the client has sent, in pieces, to the server's handshake. */
static void pass_to_handshake(struct talk *t)
{
    char *data;
    long len = BIO_get_mem_data(t->to_server, &data);
    while (len > 0 && t->result == TLS_MORE) {
        size_t n = (size_t)len < t->piece ? (size_t)len : t->piece;
        t->io->in = data;
        t->io->in_len = n;
        t->result = tls_handshake(t->server);
        pass_to_client(t);
        n -= t->io->in_len;
        data += n;
        len -= (long)n;
    }
    char left[ROOM];
    bool more = len > 0 && (size_t)len <= sizeof(left);
    if (more)
        memcpy(left, data, (size_t)len);
    BIO_reset(t->to_server);
    if (more)
        BIO_write(t->to_server, left, (int)len);
}

/* Until both are done or one fails; true: both are. */
static bool shake_hands(struct talk *t)
{
    int client = 0;
    t->result = TLS_MORE;
    for (int turn = 0; turn < 10 && (client != 1 || t->result == TLS_MORE); turn++) {
        client = SSL_do_handshake(t->client);
        pass_to_handshake(t);
    }
    return client == 1 && t->result == TLS_DONE;
}

/* What the client has sent is decrypted, piece by piece; the last result. */
static enum tls_result server_reads(struct talk *t, char *text, size_t *len)
{
    char *data;
    enum tls_result result = TLS_MORE;
    long left = BIO_get_mem_data(t->to_server, &data);
    *len = 0;
    while (left > 0 && (result == TLS_MORE || result == TLS_DONE)) {
        size_t got, n = (size_t)left < t->piece ? (size_t)left : t->piece;
        t->io->in = data;
        t->io->in_len = n;
        do {
            result = tls_read(t->server, text + *len, ROOM - *len, &got);
            *len += got;
        } while (result == TLS_DONE);
        data += n;
        left -= (long)n;
    }
    pass_to_client(t);
    BIO_reset(t->to_server);
    return result;
}

static size_t client_reads(struct talk *t, char *text)
{
    size_t got = 0, n;
    while (SSL_read_ex(t->client, text + got, ROOM - got, &n) == 1)
        got += n;
    return got;
}

/* An answer has been read, so that tickets have come. */
static void exchange(struct talk *t)
{
    char text[ROOM];
    size_t len;
    assert_int_equal(SSL_write(t->client, "ping", 4), 4);
    assert_int_equal(server_reads(t, text, &len), TLS_MORE);
    check_str(str_make(text, len), "ping");
    assert_true(tls_write(t->server, "pong", 4));
    pass_to_client(t);
    len = client_reads(t, text);
    check_str(str_make(text, len), "pong");
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* ── Files ── */

static struct certificate good, other;

static void check_problem(const struct certificate *c, size_t n, size_t file, bool key,
                          const char *text)
{
    struct tls_files files[2];
    struct tls_problem problem;
    for (size_t i = 0; i < n; i++)
        files[i] = (struct tls_files){c[i].certificate, c[i].key};
    assert_null(tls_context_new(&(struct tls_options){files, n, BOTH, NULL}, &problem));
    assert_int_equal(problem.file, file);
    assert_int_equal(problem.key, key);
    if (strstr(problem.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", problem.text, text);
    assert_int_equal(ERR_peek_error(), 0);
}

static void files_that_cannot_be_used_are_refused_with_which_and_why(void **state)
{
    (void)state;
    struct certificate missing = good, swapped = good, junk = good, no_key = good;
    strcpy(missing.certificate, "/nowhere/tls.crt");
    check_problem(&missing, 1, 0, false, "cannot read \"/nowhere/tls.crt\": No such file");
    strcpy(no_key.key, "/nowhere/tls.key");
    check_problem(&no_key, 1, 0, true, "cannot read \"/nowhere/tls.key\": No such file");
    strcpy(junk.certificate, good.key);
    check_problem(&junk, 1, 0, false, "holds no certificate in PEM form");
    strcpy(junk.certificate, good.certificate);
    strcpy(junk.key, good.certificate);
    check_problem(&junk, 1, 0, true, "holds no private key in PEM form");
    strcpy(swapped.key, other.key);
    check_problem(&swapped, 1, 0, true, "not that of the certificate beside it");
    const struct certificate second[] = {good, swapped};
    check_problem(second, 2, 1, true, "not that of the certificate beside it");
}

static void a_key_with_a_passphrase_is_refused_and_nobody_is_asked(void **state)
{
    (void)state;
    struct certificate secret = certificates_make("secret", "DNS:secret.example", "passphrase");
    check_problem(&secret, 1, 0, true, "is protected by a passphrase");
}

static void it_is_known_when_a_certificate_is_valid(void **state)
{
    (void)state;
    const struct certificate both[] = {good, other};
    struct tls_context *c = context(both, 2, BOTH, NULL);
    int64_t now = (int64_t)time(NULL);
    for (size_t i = 0; i < 2; i++) {
        const struct tls_certificate *about = tls_context_certificate(c, i);
        assert_string_equal(about->file, both[i].certificate);
        assert_in_range(about->from, now - 600, now);
        assert_int_equal(about->until - about->from, CERTIFICATES_DAYS * 24 * 3600);
    }
    assert_null(tls_context_certificate(c, 2));
    tls_context_free(c);
    tls_context_free(NULL);
}

/* ── Choices ── */

static void a_clients_name_chooses_the_certificate(void **state)
{
    (void)state;
    static const struct {
        const char *name, *label;
    } rows[] = {
        {NULL, "first"},
        {"a.example", "first"},
        {"other.example", "second"},
        {"x.wild.example", "third"},
        {"X.WILD.example", "third"},
        {"OTHER.example", "second"},
        {"wild.example", "first"},
        {"x.y.wild.example", "first"},
        {"xwild.example", "first"},
        {"unknown.example", "first"},
    };
    const struct certificate three[] = {
        certificates_make("first", "DNS:a.example", NULL),
        certificates_make("second", "DNS:b.example,DNS:other.example", NULL),
        certificates_make("third", "DNS:*.wild.example", NULL)};
    struct tls_context *c = context(three, 3, BOTH, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char label[16] = "";
        struct talk t = begin(c, versions[i % 2]);
        if (rows[i].name != NULL)
            SSL_ctrl(t.client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     (void *)(uintptr_t)rows[i].name); /* its macro casts const away */
        assert_true(shake_hands(&t));
        X509 *shown = SSL_get1_peer_certificate(t.client);
        X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, label,
                                  sizeof(label));
        if (strcmp(label, rows[i].label) != 0)
            fail_msg("%s: %s", rows[i].name, label);
        X509_free(shown);
        end(&t);
    }
    tls_context_free(c);
}

static void alpn_chooses_what_both_speak(void **state)
{
    (void)state;
    static const struct {
        const char *offered;
        unsigned spoken, chosen;
        bool works;
    } rows[] = {
        {H2_AND_HTTP1, BOTH, TLS_H2, true},
        {"\x08http/1.1\x02h2", BOTH, TLS_H2, true},
        {"\x08http/1.1", BOTH, TLS_HTTP1, true},
        {H2_AND_HTTP1, TLS_HTTP1, TLS_HTTP1, true},
        {H2_AND_HTTP1, TLS_H2, TLS_H2, true},
        {"", BOTH, 0, true},
        {"\x08http/1.1", TLS_H2, 0, false},
        {"\x02h2", TLS_HTTP1, 0, false},
        {"\x03h2x", BOTH, 0, false},
        {"\x01h", BOTH, 0, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_context *c = context(&good, 1, rows[i].spoken, NULL);
        for (size_t v = 0; v < 2; v++) {
            struct talk t = begin(c, versions[v]);
            SSL_set_alpn_protos(t.client, (const unsigned char *)rows[i].offered,
                                (unsigned)strlen(rows[i].offered));
            assert_int_equal(shake_hands(&t), rows[i].works);
            assert_int_equal(t.result, rows[i].works ? TLS_DONE : TLS_FAILED);
            assert_int_equal(tls_protocol(t.server), rows[i].chosen);
            if (!rows[i].works)
                assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
                                 SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
            end(&t);
        }
        tls_context_free(c);
    }
}

/* ── Tickets ── */

/* A connection that offers a session, if there is one: was it resumed? *session is the next. */
static bool connect_with(struct tls_context *c, int version, SSL_SESSION **session)
{
    struct talk t = begin(c, version);
    if (*session != NULL)
        SSL_set_session(t.client, *session);
    assert_true(shake_hands(&t));
    exchange(&t);
    bool resumed = tls_resumed(t.server);
    assert_int_equal(resumed, SSL_session_reused(t.client));
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(t.client);
    SSL_shutdown(t.client); /* OpenSSL takes no session of a connection that broke */
    end(&t);
    return resumed;
}

static void a_ticket_of_one_context_resumes_in_another(void **state)
{
    (void)state;
    struct tls_tickets *tickets = tls_tickets_new(0), *foreign = tls_tickets_new(0);
    struct tls_context *c[] = {context(&good, 1, BOTH, tickets), context(&good, 1, BOTH, tickets),
                               context(&good, 1, BOTH, foreign), context(&good, 1, BOTH, NULL)};
    for (size_t v = 0; v < 2; v++) {
        SSL_SESSION *session = NULL;
        assert_false(connect_with(c[0], versions[v], &session));
        assert_true(connect_with(c[1], versions[v], &session));
        assert_true(connect_with(c[0], versions[v], &session));
        assert_false(connect_with(c[2], versions[v], &session));
        assert_false(connect_with(c[3], versions[v], &session));
        assert_false(connect_with(c[3], versions[v], &session));
        SSL_SESSION_free(session);
    }
    for (size_t i = 0; i < 4; i++)
        tls_context_free(c[i]);
    tls_tickets_free(tickets);
    tls_tickets_free(foreign);
    tls_tickets_free(NULL);
}

static void a_key_opens_tickets_for_two_periods_after_its_own(void **state)
{
    (void)state;
    for (int rotations = 0; rotations <= 5; rotations++) {
        struct tls_tickets *tickets = tls_tickets_new(0);
        struct tls_context *c = context(&good, 1, BOTH, tickets);
        for (size_t v = 0; v < 2; v++) {
            SSL_SESSION *session = NULL;
            int64_t now = (int64_t)v * 10 * TLS_TICKETS_PERIOD;
            tls_tickets_rotate(tickets, now);
            connect_with(c, versions[v], &session);
            tls_tickets_rotate(tickets, now + TLS_TICKETS_PERIOD - 1); /* too early */
            for (int i = 1; i <= rotations; i++)
                tls_tickets_rotate(tickets, now + i * TLS_TICKETS_PERIOD);
            assert_int_equal(connect_with(c, versions[v], &session), rotations <= 2);
            assert_true(connect_with(c, versions[v], &session)); /* the new one is of the new key */
            SSL_SESSION_free(session);
        }
        tls_context_free(c);
        tls_tickets_free(tickets);
    }
}

struct racer {
    pthread_t thread;
    struct tls_context *context;
    SSL_SESSION *session; /* of another thread */
    unsigned resumed;
};

#define RACES 50

static void *race(void *argument)
{
    struct racer *r = argument;
    for (int i = 0; i < RACES; i++) {
        SSL_SESSION *session = SSL_SESSION_dup(r->session);
        r->resumed += connect_with(r->context, versions[i % 2], &session);
        SSL_SESSION_free(session);
    }
    return NULL;
}

static void threads_resume_each_others_sessions_while_keys_change(void **state)
{
    (void)state;
    struct tls_tickets *tickets = tls_tickets_new(0);
    struct tls_context *c = context(&good, 1, BOTH, tickets);
    struct racer racers[3];
    SSL_SESSION *session = NULL;
    connect_with(c, TLS1_3_VERSION, &session);
    for (size_t i = 0; i < 3; i++) {
        racers[i] = (struct racer){.context = c, .session = SSL_SESSION_dup(session)};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    tls_tickets_rotate(tickets, TLS_TICKETS_PERIOD);
    tls_tickets_rotate(tickets, 2 * TLS_TICKETS_PERIOD);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_int_equal(racers[i].resumed, RACES / 2); /* those of the session's version */
        SSL_SESSION_free(racers[i].session);
    }
    SSL_SESSION_free(session);
    tls_context_free(c);
    tls_tickets_free(tickets);
}

/* ── Cuts and damage ── */

static void a_handshake_may_come_in_pieces_of_any_size(void **state)
{
    (void)state;
    struct tls_context *c = context(&good, 1, BOTH, NULL);
    for (size_t v = 0; v < 2; v++)
        for (size_t piece = 1; piece < 400; piece += piece < 16 ? 1 : 13) {
            struct talk t = begin(c, versions[v]);
            t.piece = piece;
            assert_true(shake_hands(&t));
            exchange(&t);
            end(&t);
        }
    tls_context_free(c);
}

static void records_may_be_cut_at_every_byte(void **state)
{
    (void)state;
    static char text[ROOM];
    struct tls_context *c = context(&good, 1, BOTH, NULL);
    for (size_t v = 0; v < 2; v++) {
        struct talk t = begin(c, versions[v]);
        assert_true(shake_hands(&t));
        for (size_t piece = 1; piece < 200; piece++) {
            size_t len;
            t.piece = piece;
            SSL_write(t.client, "first record, ", 14);
            SSL_write(t.client, "second record, ", 15);
            SSL_write(t.client, "third", 5);
            assert_int_equal(server_reads(&t, text, &len), TLS_MORE);
            check_str(str_make(text, len), "first record, second record, third");
        }
        end(&t);
    }
    tls_context_free(c);
}

static void a_damaged_record_fails_with_an_alert_and_harms_no_other_connection(void **state)
{
    (void)state;
    static char text[ROOM];
    struct tls_context *c = context(&good, 1, BOTH, NULL);
    for (size_t v = 0; v < 2; v++) {
        struct talk bad = begin(c, versions[v]), fine = begin(c, versions[v]);
        char *data;
        size_t len;
        assert_true(shake_hands(&bad) && shake_hands(&fine));
        SSL_write(bad.client, "ping", 4);
        long n = BIO_get_mem_data(bad.to_server, &data);
        data[n - 1] ^= 1;
        assert_int_equal(server_reads(&bad, text, &len), TLS_FAILED);
        assert_int_equal(len, 0);
        assert_int_equal(client_reads(&bad, text), 0);
        assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
        ERR_clear_error();
        exchange(&fine);
        end(&bad);
        end(&fine);
    }
    tls_context_free(c);
}

static void the_end_is_told_both_ways(void **state)
{
    (void)state;
    static char text[ROOM];
    struct tls_context *c = context(&good, 1, BOTH, NULL);
    for (size_t v = 0; v < 2; v++) {
        struct talk t = begin(c, versions[v]);
        size_t len;
        assert_true(shake_hands(&t));
        tls_end(t.server);
        pass_to_client(&t);
        assert_int_equal(client_reads(&t, text), 0);
        assert_int_equal(SSL_get_shutdown(t.client), SSL_RECEIVED_SHUTDOWN);
        SSL_write(t.client, "late", 4); /* what still comes is understood */
        SSL_shutdown(t.client);
        assert_int_equal(server_reads(&t, text, &len), TLS_END);
        check_str(str_make(text, len), "late");
        end(&t);
    }
    tls_context_free(c);
}

static void output_fits_the_room_that_is_said_to_be_enough(void **state)
{
    (void)state;
    static char text[ROOM], got[ROOM];
    static const size_t sizes[] = {1, 16383, 16384, 16385, 32768};
    struct tls_context *c = context(&good, 1, BOTH, NULL);
    memset(text, 'x', sizeof(text));
    for (size_t v = 0; v < 2; v++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct talk t = begin(c, versions[v]);
            assert_true(shake_hands(&t));
            assert_true(tls_write(t.server, text, sizes[i]));
            assert_in_range(t.io->out_len, sizes[i] + 1, TLS_OUTPUT(sizes[i]));
            pass_to_client(&t);
            assert_int_equal(client_reads(&t, got), sizes[i]);
            assert_memory_equal(got, text, sizes[i]);
            end(&t);
        }
    tls_context_free(c);
}

static int make_files(void **state)
{
    if (certificates_begin(state) != 0)
        return 1;
    good = certificates_make("good", "DNS:good.example", NULL);
    other = certificates_make("other", "DNS:other.example", NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_cannot_be_used_are_refused_with_which_and_why),
        cmocka_unit_test(a_key_with_a_passphrase_is_refused_and_nobody_is_asked),
        cmocka_unit_test(it_is_known_when_a_certificate_is_valid),
        cmocka_unit_test(a_clients_name_chooses_the_certificate),
        cmocka_unit_test(alpn_chooses_what_both_speak),
        cmocka_unit_test(a_ticket_of_one_context_resumes_in_another),
        cmocka_unit_test(a_key_opens_tickets_for_two_periods_after_its_own),
        cmocka_unit_test(threads_resume_each_others_sessions_while_keys_change),
        cmocka_unit_test(a_handshake_may_come_in_pieces_of_any_size),
        cmocka_unit_test(records_may_be_cut_at_every_byte),
        cmocka_unit_test(a_damaged_record_fails_with_an_alert_and_harms_no_other_connection),
        cmocka_unit_test(the_end_is_told_both_ways),
        cmocka_unit_test(output_fits_the_room_that_is_said_to_be_enough),
    };
    return cmocka_run_group_tests(tests, make_files, certificates_end);
}
