/* A stream over a socket pair, in clear and encrypted, against a client that reads and writes when
 * the test says so: order, pauses, full sockets, ends, and that nothing is left behind. */
#include "peer.h"

/* ── In ── */

static void what_comes_is_handed_over_whole_and_in_order(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 100, 16384, 40000};
    for (int encrypted = 0; encrypted < 2; encrypted++)
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
            struct peer p;
            size_t len = pieces[i] == 1 ? 2000 : 100000;
            open_either(&p, encrypted);
            client_writes(&p, pattern, len, pieces[i]);
            turn_until_received(&p, len);
            assert_memory_equal(p.got, pattern, len);
            close_peer(&p);
            no_buffer_is_taken();
        }
}

static void a_pause_in_the_middle_of_many_records_loses_and_doubles_nothing(void **state)
{
    (void)state;
    static const size_t pieces[] = {50, 3000, 9000, 16384};
    for (int encrypted = 0; encrypted < 2; encrypted++)
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
            struct peer p;
            open_either(&p, encrypted);
            p.pausing = true;
            client_writes(&p, pattern, 60000, pieces[i]); /* and resumes after each turn */
            for (int64_t until = clock_now() + PATIENCE; p.len < 60000 && clock_now() < until;) {
                int calls = p.calls;
                stream_resume(&p.stream);
                turn();
                assert_true(p.calls <= calls + 1);
                calls = p.calls;
                turn();
                turn();
                assert_int_equal(p.calls, p.stream.paused ? calls : p.calls);
            }
            assert_int_equal(p.len, 60000);
            assert_memory_equal(p.got, pattern, 60000);
            close_peer(&p);
            no_buffer_is_taken();
        }
}

static void the_end_comes_behind_what_a_pause_has_held_back(void **state)
{
    (void)state;
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        struct peer p;
        open_either(&p, encrypted);
        p.polite = true;
        stream_pause(&p.stream);
        assert_int_equal(client_write(&p, pattern, 3000), 3000);
        assert_int_equal(client_write(&p, pattern + 3000, 2000), 2000);
        if (encrypted)
            SSL_shutdown(p.client);
        shutdown(p.fd, SHUT_WR);
        for (int i = 0; i < 5; i++)
            turn();
        assert_int_equal(p.calls + p.ended, 0);
        p.pausing = true;
        stream_resume(&p.stream);
        turn_until_received(&p, 5000);
        for (int i = 0; i < 5; i++)
            turn();
        assert_int_equal(p.ended, 0);
        stream_resume(&p.stream);
        turn_until(&p.ended, 1);
        turn();
        assert_int_equal(p.ended, 1);
        assert_memory_equal(p.got, pattern, 5000);
        close_peer(&p);
        no_buffer_is_taken();
    }
}

static void streams_whose_records_come_by_halves_do_not_mix(void **state)
{
    (void)state;
    enum { N = 3 };
    struct peer p[N];
    int pipes[N][2];
    for (int i = 0; i < N; i++) {
        open_secured(&p[i]);
        shake_hands(&p[i]);
        /* The client writes into a pair of its own, so that the test can cut what it says. */
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pipes[i]), 0);
        SSL_set_wfd(p[i].client, pipes[i][0]);
    }
    for (int round = 0; round < 50; round++)
        for (int i = 0; i < N; i++)
            assert_int_equal(SSL_write(p[i].client, pattern + i + 100 * round, 100), 100);
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < N; i++) {
            char bytes[47];
            long n = recv(pipes[i][1], bytes, sizeof(bytes), 0);
            if (n > 0)
                assert_int_equal(send(p[i].fd, bytes, (size_t)n, 0), n);
            more |= n > 0;
            if (i == 1)
                turn(); /* some see two at once, some one */
        }
        turn();
    }
    for (int i = 0; i < N; i++) {
        turn_until_received(&p[i], 5000);
        assert_memory_equal(p[i].got, pattern + i, 5000);
        close(pipes[i][0]);
        close(pipes[i][1]);
        close_peer(&p[i]);
    }
    no_buffer_is_taken();
}

static void a_record_that_has_begun_is_told_until_it_ends(void **state)
{
    (void)state;
    struct peer p;
    int cut[2];
    char bytes[1000];
    open_secured(&p);
    shake_hands(&p);
    assert_int_equal(stream_halfway(&p.stream), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, cut), 0);
    SSL_set_wfd(p.client, cut[0]);
    assert_int_equal(SSL_write(p.client, pattern, 100), 100);
    assert_int_equal(SSL_write(p.client, pattern + 100, 100), 100);
    long len = recv(cut[1], bytes, sizeof(bytes), 0), half = len / 2;
    assert_true(len > 200);
    assert_int_equal(send(p.fd, bytes, 1, 0), 1);
    turn_until(&p.halfway, 1);
    int64_t since = stream_halfway(&p.stream);
    assert_int_equal(since, loop.now);
    for (long i = 1; i + 1 < half; i++) { /* dripping on gains nothing */
        assert_int_equal(send(p.fd, bytes + i, 1, 0), 1);
        turn();
        assert_int_equal(stream_halfway(&p.stream), since);
    }
    assert_int_equal(send(p.fd, bytes + half - 1, 2, 0), 2); /* its end, and the next */
    turn_until_received(&p, 100);
    assert_int_equal(p.halfway, 2);
    assert_int_equal(stream_halfway(&p.stream), loop.now);
    assert_int_equal(send(p.fd, bytes + half + 1, (size_t)(len - half) - 1, 0), len - half - 1);
    turn_until_received(&p, 200);
    assert_int_equal(p.halfway, 3);
    assert_int_equal(stream_halfway(&p.stream), 0);
    close(cut[0]);
    close(cut[1]);
    close_peer(&p);
}

static void a_poll_says_whether_something_was_handed_over(void **state)
{
    (void)state;
    struct peer p;
    open_peer(&p);
    assert_false(stream_poll(&p.stream));
    stream_pause(&p.stream);
    assert_int_equal(client_write(&p, "abc", 3), 3);
    assert_true(stream_poll(&p.stream));
    check_str(str_make(p.got, p.len), "abc");
    close_peer(&p);

    int halves[2];
    char record[256];
    open_secured(&p);
    shake_hands(&p);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, halves), 0);
    SSL_set_wfd(p.client, halves[0]);
    assert_int_equal(client_write(&p, "abc", 3), 3);
    long n = recv(halves[1], record, sizeof(record), 0);
    assert_int_equal(send(p.fd, record, (size_t)n - 1, 0), n - 1);
    assert_false(stream_poll(&p.stream)); /* all but a byte of a record is nothing yet */
    assert_int_equal(send(p.fd, record + n - 1, 1, 0), 1);
    assert_true(stream_poll(&p.stream));
    check_str(str_make(p.got, p.len), "abc");
    close(halves[0]);
    close(halves[1]);
    close_peer(&p);
}

/* ── Out ── */

static void more_output_than_the_socket_takes_is_sent_as_the_client_reads(void **state)
{
    (void)state;
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        struct peer p;
        open_either(&p, encrypted);
        assert_int_equal(stream_send(&p.stream, pattern, STREAM_OUTPUT), STREAM_LATER);
        turn();
        assert_int_equal(p.sent, 0);
        p.sent_again = true;
        client_reads_all(&p, pattern, STREAM_OUTPUT);
        turn_until(&p.sent, 1);
        client_reads_all(&p, "again", 5);
        assert_int_equal(p.sent, 1);
        close_peer(&p);
        no_buffer_is_taken();
    }
}

static void bytes_come_in_while_others_wait_to_go_out(void **state)
{
    (void)state;
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        struct peer p;
        open_either(&p, encrypted);
        assert_int_equal(stream_send(&p.stream, pattern, STREAM_OUTPUT), STREAM_LATER);
        client_writes(&p, pattern, 50000, 1000);
        turn_until_received(&p, 50000);
        assert_int_equal(p.sent, 0);
        client_reads_all(&p, pattern, STREAM_OUTPUT);
        turn_until(&p.sent, 1);
        close_peer(&p);
        no_buffer_is_taken();
    }
}

static void the_end_is_said_behind_all_that_waits(void **state)
{
    (void)state;
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        struct peer p;
        char more[8];
        open_either(&p, encrypted);
        assert_int_equal(stream_send(&p.stream, pattern, STREAM_OUTPUT), STREAM_LATER);
        stream_finish(&p.stream);
        turn();
        client_reads_all(&p, pattern, STREAM_OUTPUT);
        turn();
        assert_int_equal(client_read(&p, more, sizeof(more)), 0);
        if (encrypted) {
            assert_int_equal(SSL_get_shutdown(p.client), SSL_RECEIVED_SHUTDOWN);
            assert_int_equal(recv(p.fd, more, sizeof(more), 0), 0);
        }
        client_writes(&p, "late", 4, 4); /* and what the client still says is understood */
        turn_until_received(&p, 4);
        close_peer(&p);
        no_buffer_is_taken();
    }
}

static void any_number_of_the_owners_bytes_can_be_pushed_in_clear(void **state)
{
    (void)state;
    struct peer p;
    open_peer(&p);
    assert_int_equal(stream_push(&p.stream, pattern, 200000), STREAM_LATER);
    client_reads_all(&p, pattern, 200000);
    turn_until(&p.sent, 1);
    close_peer(&p);
    no_buffer_is_taken();
}

/* ── Ends and failures ── */

static void a_stream_that_is_closed_within_a_call_is_told_nothing_more(void **state)
{
    (void)state;
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        struct peer p;
        open_either(&p, encrypted);
        p.closing = true;
        for (int i = 0; i < 5; i++)
            client_write(&p, pattern, 16384);
        turn();
        turn();
        assert_int_equal(p.calls, 1);
        assert_int_equal(p.ended + p.broken + p.sent, 0);
        assert_int_equal(p.gone, 1);
        close_peer(&p);
        no_buffer_is_taken();
    }
}

static void one_that_is_closed_when_the_handshake_is_done_is_gone(void **state)
{
    (void)state;
    struct peer p;
    open_secured(&p);
    p.closing = true;
    for (int64_t until = clock_now() + PATIENCE; p.gone == 0 && clock_now() < until;) {
        SSL_do_handshake(p.client);
        turn();
    }
    assert_int_equal(p.secured, 1);
    assert_int_equal(p.gone, 1);
    assert_int_equal(p.broken, 0);
    close_peer(&p);
    no_buffer_is_taken();
}

static void what_is_no_tls_is_broken_once_and_harms_no_other(void **state)
{
    (void)state;
    static const char *const junk[] = {"\x16\x03\x01\x00\x05hello", "no TLS at all", "\x16\x03"};
    struct peer fine;
    open_secured(&fine);
    shake_hands(&fine);
    for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
        struct peer p;
        open_secured(&p);
        assert_int_equal(send(p.fd, junk[i], i == 0 ? 10 : strlen(junk[i]), 0) > 0, 1);
        turn();
        turn();
        assert_int_equal(p.broken, i < 2);
        assert_int_equal(p.secured + p.calls, 0);
        close_peer(&p);
    }
    client_writes(&fine, pattern, 1000, 100);
    turn_until_received(&fine, 1000);
    close_peer(&fine);
    no_buffer_is_taken();
}

static void a_connection_that_is_cut_off_ends(void **state)
{
    (void)state;
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        struct peer p;
        open_either(&p, encrypted);
        assert_int_equal(stream_send(&p.stream, pattern, STREAM_OUTPUT), STREAM_LATER);
        close(p.fd);
        p.fd = -1;
        turn();
        turn();
        assert_true(p.broken == 1 || p.ended >= 1);
        assert_int_equal(p.sent, 0);
        close_peer(&p);
        no_buffer_is_taken();
    }
}

static void without_a_buffer_a_stream_breaks_and_the_next_works(void **state)
{
    (void)state;
    char *taken[BUFFERS];
    struct peer p;
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        open_either(&p, encrypted);
        for (size_t i = 0; i < BUFFERS; i++)
            taken[i] = pool_take(&pool, POOL_LARGE);
        assert_int_equal(stream_send(&p.stream, pattern, STREAM_OUTPUT), STREAM_BROKEN);
        close_peer(&p);
        for (size_t i = 0; i < BUFFERS; i++)
            pool_give(&pool, taken[i]);
    }
    open_secured(&p);
    shake_hands(&p);
    for (size_t i = 0; i < BUFFERS; i++)
        taken[i] = pool_take(&pool, POOL_LARGE);
    p.pausing = true; /* at the end of the first record, when most of the second has come, too */
    assert_int_equal(client_write(&p, pattern, 16384), 16384);
    assert_int_equal(client_write(&p, pattern, 16000), 16000);
    turn_until(&p.broken, 1);
    assert_int_equal(p.len, 16384);
    close_peer(&p);
    for (size_t i = 0; i < BUFFERS; i++)
        pool_give(&pool, taken[i]);
    no_buffer_is_taken();
}

static void a_deadline_is_told_once(void **state)
{
    (void)state;
    struct peer p;
    open_peer(&p);
    stream_deadline(&p.stream, loop.now + CLOCK_MS);
    for (int64_t until = clock_now() + PATIENCE; p.expired == 0 && clock_now() < until;)
        loop_turn(&loop, 10);
    turn();
    assert_int_equal(p.expired, 1);
    stream_deadline(&p.stream, loop.now + CLOCK_MS);
    close_peer(&p);
    loop_turn(&loop, 5);
    assert_int_equal(p.expired, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_is_handed_over_whole_and_in_order),
        cmocka_unit_test(a_pause_in_the_middle_of_many_records_loses_and_doubles_nothing),
        cmocka_unit_test(the_end_comes_behind_what_a_pause_has_held_back),
        cmocka_unit_test(streams_whose_records_come_by_halves_do_not_mix),
        cmocka_unit_test(a_record_that_has_begun_is_told_until_it_ends),
        cmocka_unit_test(a_poll_says_whether_something_was_handed_over),
        cmocka_unit_test(more_output_than_the_socket_takes_is_sent_as_the_client_reads),
        cmocka_unit_test(bytes_come_in_while_others_wait_to_go_out),
        cmocka_unit_test(the_end_is_said_behind_all_that_waits),
        cmocka_unit_test(any_number_of_the_owners_bytes_can_be_pushed_in_clear),
        cmocka_unit_test(a_stream_that_is_closed_within_a_call_is_told_nothing_more),
        cmocka_unit_test(one_that_is_closed_when_the_handshake_is_done_is_gone),
        cmocka_unit_test(what_is_no_tls_is_broken_once_and_harms_no_other),
        cmocka_unit_test(a_connection_that_is_cut_off_ends),
        cmocka_unit_test(without_a_buffer_a_stream_breaks_and_the_next_works),
        cmocka_unit_test(a_deadline_is_told_once),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
