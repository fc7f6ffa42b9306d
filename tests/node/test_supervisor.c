#include "node/io/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/cu.h"

/* A service manager: the socket, and what it was last told. */
static int manager = -1;
static char path[64], told[256];

static void open_manager(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(path, sizeof path, "/tmp/tandem-notify-%d", (int)getpid());
    memcpy(address.sun_path, path, sizeof path);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    CU_ASSERT_EQUAL_FATAL(bind(manager, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", path, 1);
}

static void close_manager(void)
{
    close(manager);
    unlink(path);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static const char *heard(void)
{
    ssize_t n = recv(manager, told, sizeof told - 1, 0);
    told[n > 0 ? n : 0] = 0;
    return told;
}

static void test_without_a_manager_nothing_happens(void)
{
    struct supervisor s;
    unsetenv("NOTIFY_SOCKET");
    supervisor_init(&s);
    CU_ASSERT_EQUAL(s.fd, -1);
    supervisor_tell(&s, "READY=1");
    supervisor_beat(&s, 1000);
    supervisor_fini(&s);
}

static void test_what_is_told_arrives_word_for_word(void)
{
    struct supervisor s;
    open_manager();
    supervisor_init(&s);
    supervisor_tell(&s, "READY=1\nSTATUS=serving");
    CU_ASSERT_STRING_EQUAL(heard(), "READY=1\nSTATUS=serving");
    supervisor_fini(&s);
    close_manager();
}

static void test_the_watchdog_is_fed_twice_an_interval(void)
{
    struct supervisor s;
    open_manager();
    setenv("WATCHDOG_USEC", "4000000", 1);
    supervisor_init(&s);
    supervisor_beat(&s, 10000);
    CU_ASSERT_STRING_EQUAL(heard(), "WATCHDOG=1");
    supervisor_beat(&s, 11999);
    CU_ASSERT_STRING_EQUAL(heard(), "");
    supervisor_beat(&s, 12000);
    CU_ASSERT_STRING_EQUAL(heard(), "WATCHDOG=1");
    supervisor_fini(&s);
    close_manager();
}

static void test_the_watchdog_of_another_process_is_not_ours(void)
{
    struct supervisor s;
    open_manager();
    setenv("WATCHDOG_USEC", "4000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    supervisor_init(&s);
    supervisor_beat(&s, 10000);
    CU_ASSERT_STRING_EQUAL(heard(), "");
    supervisor_fini(&s);
    close_manager();
}

static void test_a_name_too_long_for_a_socket_is_ignored(void)
{
    struct supervisor s;
    char name[sizeof s.address.sun_path + 1];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    setenv("NOTIFY_SOCKET", name, 1);
    supervisor_init(&s);
    CU_ASSERT_EQUAL(s.fd, -1);
    unsetenv("NOTIFY_SOCKET");
}

CU_MAIN("supervisor", CU_CASE(test_without_a_manager_nothing_happens),
        CU_CASE(test_what_is_told_arrives_word_for_word),
        CU_CASE(test_the_watchdog_is_fed_twice_an_interval),
        CU_CASE(test_the_watchdog_of_another_process_is_not_ours),
        CU_CASE(test_a_name_too_long_for_a_socket_is_ignored))
