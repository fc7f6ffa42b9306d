/* What an NVA may cost: what does not fit is not stored, and the session stays. */
#include "node/core/core_impl.h"
#include "tests/lib/core_lab.h"

/* 10.9.N.0/24 with the attributes of ROUTE, which has 192.168.1.0/24. */
#define ROUTE_OF(n) HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002 18 0a09" n
/* The same prefix with a community more. */
#define LONGER_OF(n)                                                                               \
    HEADER("0034", "02") "0000 0019 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002 c0 08 04 00010001 18 0a09" n
#define GONE(n) HEADER("001b", "02") "0004 18 0a09" n "0000"

static const struct rib_session *fact(const struct lab *l)
{
    const struct core_peer *p = core_peer_find(l->core, "talker");
    return &l->core->rib.origins[1].sessions[p->nva];
}

static const struct core_peer *talker(const struct lab *l)
{
    return core_peer_find(l->core, "talker");
}

static unsigned events(const struct lab *l, const char *name)
{
    struct core_event e;
    unsigned count = 0;
    for (uint64_t at = 0; core_next_event(l->core, &at, &e);)
        count += !strcmp(e.name, name);
    return count;
}

/* Room for two and a half of such routes. */
static struct lab *small(void)
{
    struct lab *l = lab_open(", maxMemory: 280");
    come_up(l, LISTENER, OPEN("fdea", "03"));
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, ROUTE_OF("11"));
    say(l, TALKER, ROUTE_OF("12"));
    CU_ASSERT_EQUAL_FATAL(fact(l)->paths, 2);
    CU_ASSERT_EQUAL_FATAL(talker(l)->refused_routes, 0);
    return l;
}

static void test_what_does_not_fit_is_not_stored_and_said_once(void)
{
    struct lab *l = small();
    say(l, TALKER, ROUTE_OF("13"));
    say(l, TALKER, ROUTE);
    CU_ASSERT_EQUAL(fact(l)->paths, 2);
    CU_ASSERT_TRUE(fact(l)->bytes <= 280);
    CU_ASSERT_FALSE(listener_has(l));
    CU_ASSERT_EQUAL(talker(l)->refused_routes, 2);
    CU_ASSERT_EQUAL(events(l, "peer_memory_over_limit"), 1);
    CU_ASSERT_PTR_NOT_NULL(l->players[TALKER].pump); /* the session stays */
    lab_close(l);
}

static void test_what_is_held_may_be_said_again(void)
{
    struct lab *l = small();
    say(l, TALKER, ROUTE_OF("11"));
    say(l, TALKER, ROUTE_OF("12"));
    CU_ASSERT_EQUAL(fact(l)->paths, 2);
    CU_ASSERT_EQUAL(talker(l)->refused_routes, 0);
    lab_close(l);
}

/* 192.168.1.0/24 once more, with a path id (RFC 7911). */
static void tell_path(struct lab *l, unsigned path_id)
{
    char text[256];
    snprintf(text, sizeof text, HEADER("0031", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002"
                                                     " %08x 18 c0a801", path_id);
    say(l, TALKER, text);
}

static void test_one_prefix_has_so_many_paths_of_an_nva_at_most(void)
{
    struct lab *l = lab_open(", addPath: receive");
    come_up(l, TALKER, HEADER("0025", "01") "04 fde9 0000 0a000002 08 02 06 45 04 0001 01 02");
    for (unsigned id = 1; id <= CORE_PATHS; id++)
        tell_path(l, id);
    CU_ASSERT_EQUAL(fact(l)->paths, CORE_PATHS);
    CU_ASSERT_EQUAL(talker(l)->refused_routes, 0);
    tell_path(l, CORE_PATHS + 1);
    tell_path(l, CORE_PATHS + 2);
    CU_ASSERT_EQUAL(fact(l)->paths, CORE_PATHS);
    CU_ASSERT_EQUAL(talker(l)->refused_routes, 2);
    CU_ASSERT_EQUAL(events(l, "peer_paths_over_limit"), 1);
    tell_path(l, 1); /* one that is there may be told again */
    CU_ASSERT_EQUAL(talker(l)->refused_routes, 2);
    say(l, TALKER, HEADER("001f", "02") "0008 00000001 18 c0a801 0000");
    CU_ASSERT_EQUAL(fact(l)->paths, CORE_PATHS - 1);
    tell_path(l, CORE_PATHS + 1); /* and where one went another may come */
    CU_ASSERT_EQUAL(fact(l)->paths, CORE_PATHS);
    CU_ASSERT_PTR_NOT_NULL(l->players[TALKER].pump);
    lab_close(l);
}

/* A path that is withdrawn is remembered for a while, and takes a place as long. */
static void test_when_there_is_room_for_a_path_again_all_is_asked_for_once_more(void)
{
    struct lab *l = lab_open(", addPath: receive");
    l->core->rib.keep_tombstones = true; /* as with other nodes */
    come_up(l, TALKER, HEADER("0027", "01") "04 fde9 0000 0a000002 0a 02 08 45 04 0001 01 02 02 00");
    for (unsigned id = 1; id <= CORE_PATHS; id++)
        tell_path(l, id);
    say(l, TALKER, HEADER("001f", "02") "0008 00000001 18 c0a801 0000");
    tell_path(l, CORE_PATHS + 1);
    CU_ASSERT_EQUAL_FATAL(talker(l)->refused_routes, 1);
    pass(l, 10);
    CU_ASSERT_EQUAL(l->players[TALKER].refresh_marks, 0);
    pass(l, 40);
    CU_ASSERT_EQUAL(events(l, "peer_paths_has_room"), 1);
    CU_ASSERT_EQUAL(l->players[TALKER].refresh_marks, 1);
    tell_path(l, CORE_PATHS + 1);
    CU_ASSERT_EQUAL(fact(l)->paths, CORE_PATHS);
    tell_path(l, CORE_PATHS + 2); /* who wants more than there is room for is not asked all the time */
    say(l, TALKER, HEADER("001f", "02") "0008 00000002 18 c0a801 0000");
    pass(l, 29);
    CU_ASSERT_EQUAL(l->players[TALKER].refresh_marks, 1);
    lab_close(l);
}

/* What was told before does not hold, and what holds does not fit: as if it were withdrawn. */
static void test_a_route_that_grows_beyond_the_limit_goes(void)
{
    struct lab *l = lab_open(", maxMemory: 220");
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, ROUTE_OF("11"));
    say(l, TALKER, ROUTE_OF("12"));
    CU_ASSERT_EQUAL_FATAL(fact(l)->paths, 2);
    say(l, TALKER, LONGER_OF("12"));
    CU_ASSERT_EQUAL(fact(l)->paths, 1);
    CU_ASSERT_EQUAL(talker(l)->refused_routes, 1);
    say(l, TALKER, LONGER_OF("11")); /* now there is room for it */
    CU_ASSERT_EQUAL(fact(l)->paths, 1);
    CU_ASSERT_EQUAL(talker(l)->refused_routes, 1);
    lab_close(l);
}

static void test_all_that_is_withdrawn_leaves_nothing_counted(void)
{
    struct lab *l = small();
    say(l, TALKER, GONE("11"));
    say(l, TALKER, GONE("12"));
    CU_ASSERT_EQUAL(fact(l)->bytes, 0);
    lab_close(l);
}

static void test_when_there_is_room_again_all_is_asked_for_once_more(void)
{
    struct lab *l = lab_open(", maxMemory: 280");
    come_up(l, TALKER, HEADER("0021", "01") "04 fde9 0000 0a000002 04 02 02 0200");
    say(l, TALKER, ROUTE_OF("11"));
    say(l, TALKER, ROUTE_OF("12"));
    say(l, TALKER, ROUTE_OF("13"));
    CU_ASSERT_TRUE(talker(l)->over_memory);
    say(l, TALKER, GONE("12"));
    pass(l, 3);
    CU_ASSERT_FALSE(talker(l)->over_memory);
    CU_ASSERT_EQUAL(events(l, "peer_memory_has_room"), 1);
    CU_ASSERT_TRUE(l->players[TALKER].refresh_marks > 0);
    say(l, TALKER, ROUTE_OF("13"));
    CU_ASSERT_EQUAL(fact(l)->paths, 2);
    lab_close(l);
}

static void test_without_a_limit_everything_fits(void)
{
    struct lab *l = lab_open(", maxMemory: 0");
    come_up(l, TALKER, OPEN("fde9", "02"));
    say(l, TALKER, ROUTE_OF("11"));
    say(l, TALKER, ROUTE_OF("12"));
    say(l, TALKER, ROUTE_OF("13"));
    CU_ASSERT_EQUAL(fact(l)->paths, 3);
    CU_ASSERT_EQUAL(events(l, "peer_memory_high"), 0);
    lab_close(l);
}

CU_MAIN("core budget", CU_CASE(test_what_does_not_fit_is_not_stored_and_said_once),
        CU_CASE(test_what_is_held_may_be_said_again),
        CU_CASE(test_one_prefix_has_so_many_paths_of_an_nva_at_most),
        CU_CASE(test_when_there_is_room_for_a_path_again_all_is_asked_for_once_more),
        CU_CASE(test_a_route_that_grows_beyond_the_limit_goes),
        CU_CASE(test_all_that_is_withdrawn_leaves_nothing_counted),
        CU_CASE(test_when_there_is_room_again_all_is_asked_for_once_more),
        CU_CASE(test_without_a_limit_everything_fits))
