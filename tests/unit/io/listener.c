#include "io/listener.h"

#include "check.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static void several_share_a_port_that_a_probe_then_finds_taken(void **state)
{
    (void)state;
    struct endpoint address;
    struct listener a, b;
    assert_true(endpoint_parse(STR("127.0.0.1:0"), &address));
    assert_int_equal(listener_open(&a, &address), 0);
    assert_int_not_equal(address.port, 0);
    assert_int_equal(listener_open(&b, &address), 0);
    assert_int_equal(listener_probe(&address), EADDRINUSE);
    listener_close(&a);
    listener_close(&b);
    listener_close(&b);
    assert_int_equal(listener_probe(&address), 0);
}

static void an_address_that_is_not_here_is_an_error_with_a_reason(void **state)
{
    (void)state;
    struct endpoint address;
    assert_true(endpoint_parse(STR("192.0.2.1:0"), &address));
    assert_int_equal(listener_probe(&address), EADDRNOTAVAIL);
    assert_string_equal(listener_reason(EADDRNOTAVAIL), "this machine has no such address");
    assert_non_null(strstr(listener_reason(EADDRINUSE), "another program"));
    assert_non_null(strstr(listener_reason(EACCES), "1024"));
}

/* Whether a connection to the listener comes about within 100 ms; *fd is open in any case. */
static bool connects(const struct listener *l, int *fd)
{
    struct sockaddr_in to;
    socklen_t len = sizeof(to);
    assert_int_equal(getsockname(l->source.fd, (struct sockaddr *)&to, &len), 0);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(*fd, (struct sockaddr *)&to, len);
    struct pollfd p = {.fd = *fd, .events = POLLOUT};
    return poll(&p, 1, 100) == 1 && (p.revents & (POLLERR | POLLHUP)) == 0;
}

static int accepted;

static void count(struct listener *l, struct listener_socket socket, const struct addr *peer)
{
    (void)l;
    (void)peer;
    accepted++;
    close(socket.fd);
}

static void who_had_begun_comes_in_and_nobody_else_does(void **state)
{
    (void)state;
    struct endpoint address;
    struct loop loop;
    struct listener l = {.source.fd = -1, .spare = -1};
    int before, after;
    assert_int_equal(loop_open(&loop, NULL), 0);
    assert_true(endpoint_parse(STR("127.0.0.1:0"), &address));
    assert_int_equal(listener_open(&l, &address), 0);
    l.loop = &loop;
    l.accepted = count;
    assert_true(connects(&l, &before));
    listener_refuse(&l);
    assert_false(connects(&l, &after));
    accepted = 0;
    while (listener_accept(&l))
        ;
    assert_int_equal(accepted, 1);
    listener_close(&l);
    loop_close(&loop);
    close(before);
    close(after);
}

static void many_at_once_are_accepted_a_few_at_a_time(void **state)
{
    (void)state;
    enum { MANY = 40, FEW = 8 };
    struct endpoint address;
    struct loop loop;
    struct listener l;
    int fd[MANY];
    assert_int_equal(loop_open(&loop, NULL), 0);
    assert_true(endpoint_parse(STR("127.0.0.1:0"), &address));
    assert_int_equal(listener_open(&l, &address), 0);
    l.loop = &loop;
    l.accepted = count;
    assert_int_equal(listener_start(&l), 0);
    for (int i = 0; i < MANY; i++)
        assert_true(connects(&l, &fd[i]));
    accepted = 0;
    for (int turns = 1; accepted < MANY; turns++) {
        int before = accepted;
        loop_turn(&loop, 1000);
        assert_in_range(accepted - before, 1, FEW);
        assert_true(turns <= MANY);
    }
    listener_close(&l);
    loop_close(&loop);
    for (int i = 0; i < MANY; i++)
        close(fd[i]);
}

/* For good: every test after this one is without privileges, too. */
static void that_takes_no_privileges(void **state)
{
    if (geteuid() == 0)
        assert_int_equal(setresuid(65534, 65534, 65534), 0);
    who_had_begun_comes_in_and_nobody_else_does(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_share_a_port_that_a_probe_then_finds_taken),
        cmocka_unit_test(an_address_that_is_not_here_is_an_error_with_a_reason),
        cmocka_unit_test(who_had_begun_comes_in_and_nobody_else_does),
        cmocka_unit_test(many_at_once_are_accepted_a_few_at_a_time),
        cmocka_unit_test(that_takes_no_privileges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
