/* An NVA with most of a table goes: what an operator has ordered is done at once, what is lost is held by the brake. */
#include "node/core/core_impl.h"
#include "tests/lib/core_lab.h"

enum { ROUTES = 60 }; /* more than the brake lets go */

#define SERVER                                                                                                         \
    "routeServer: { name: hub, mode: transparent }\n"                                                                  \
    "nodes: [{ name: a, address: 10.0.0.1 }]\n"                                                                        \
    "programming: [{ name: a, type: netlink, table: 100 }]\n"                                                          \
    "peers:\n"
#define TALK   "  - { name: talker, peerIp: 10.0.0.2, peerAsn: 65001, passive: true }\n"
#define LISTEN "  - { name: listener, peerIp: 10.0.0.3, peerAsn: 65002, passive: true }\n"

static void reload(struct lab *l, const char *peers)
{
    follow(l, config_of(SERVER "%s", peers));
    turn(l);
}

static struct program *program(struct lab *l)
{
    const struct config_target *target;
    return core_program(l->core, 0, &target);
}

static const struct program_stats *stats(struct lab *l)
{
    return program_stats(program(l));
}

/* What may be done now is, by a target that does it. */
static void operate(struct lab *l)
{
    struct program_op op;
    while (program_next(program(l), l->now, &op))
        program_result(program(l), &op, true, l->now);
}

static void announce_many(struct lab *l)
{
    char text[1024] = HEADER("0119", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002";
    for (unsigned i = 0; i < ROUTES; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " 18 c0a8%02x", i);
    say(l, TALKER, text);
}

/* The talker's routes are all that the target has. */
static struct lab *programmed(const char *open)
{
    struct lab *l = lab_told("", open);
    announce_many(l);
    reload(l, TALK LISTEN);
    core_program_ready(l->core, 0, l->now);
    pass(l, 5);
    operate(l);
    CU_ASSERT_EQUAL_FATAL(stats(l)->installed, ROUTES);
    return l;
}

/* ---- how it goes ---- */

static void lose(struct lab *l)
{
    hang_up(l, TALKER);
}

static void disable(struct lab *l)
{
    CU_ASSERT_EQUAL(core_peer_disable(l->core, "talker", NULL, l->now), CORE_ACT_DONE);
}

static void clear(struct lab *l)
{
    CU_ASSERT_EQUAL(core_peer_clear(l->core, "talker", CORE_CLEAR_HARD, l->now), CORE_ACT_DONE);
}

static void disable_in_file(struct lab *l)
{
    reload(l, "  - { name: talker, peerIp: 10.0.0.2, peerAsn: 65001, passive: true, disabled: true }\n" LISTEN);
}

static void remove_from_file(struct lab *l)
{
    reload(l, LISTEN);
}

/* It restarts, and what is held for it meanwhile goes. */
static void disable_while_away(struct lab *l)
{
    hang_up(l, TALKER);
    pass(l, 1);
    CU_ASSERT_EQUAL(stats(l)->wanted, ROUTES);
    disable(l);
}

static void test_what_an_operator_takes_out_goes_at_once(void)
{
    static const struct {
        const char *open;
        void (*go)(struct lab *l);
        bool is_held;
    } rows[] = {
        { OPEN("fde9", "02"), lose, true },
        { OPEN("fde9", "02"), clear, true }, /* it will be back */
        { OPEN("fde9", "02"), disable, false },
        { OPEN("fde9", "02"), disable_in_file, false },
        { OPEN("fde9", "02"), remove_from_file, false },
        { GRACEFUL("0078", "80"), disable_while_away, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab *l = programmed(rows[i].open);
        rows[i].go(l);
        pass(l, 1);
        operate(l);
        CU_ASSERT_EQUAL(stats(l)->wanted, 0);
        CU_ASSERT_EQUAL(stats(l)->brake_on, rows[i].is_held);
        CU_ASSERT_EQUAL(stats(l)->installed, rows[i].is_held ? ROUTES : 0);
        lab_close(l);
    }
}

static void test_what_was_lost_before_goes_with_the_order(void)
{
    static void (*const orders[])(struct lab *l) = { disable, disable_in_file, remove_from_file };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct lab *l = programmed(OPEN("fde9", "02"));
        lose(l);
        pass(l, 1);
        operate(l);
        CU_ASSERT_EQUAL(stats(l)->installed, ROUTES);
        orders[i](l);
        pass(l, 1);
        operate(l);
        CU_ASSERT_EQUAL(stats(l)->installed, 0);
        CU_ASSERT_FALSE(stats(l)->brake_on);
        lab_close(l);
    }
}

static void test_a_peer_that_is_enabled_again_can_be_lost_again(void)
{
    struct lab *l = programmed(OPEN("fde9", "02"));
    disable(l);
    pass(l, 1);
    operate(l);
    CU_ASSERT_EQUAL(core_peer_enable(l->core, "talker", l->now), CORE_ACT_DONE);
    come_up(l, TALKER, OPEN("fde9", "02"));
    announce_many(l);
    pass(l, 1);
    operate(l);
    CU_ASSERT_EQUAL(stats(l)->installed, ROUTES);
    lose(l);
    pass(l, 1);
    operate(l);
    CU_ASSERT_EQUAL(stats(l)->installed, ROUTES);
    lab_close(l);
}

CU_MAIN("core_taken_out", CU_CASE(test_what_an_operator_takes_out_goes_at_once),
        CU_CASE(test_what_was_lost_before_goes_with_the_order),
        CU_CASE(test_a_peer_that_is_enabled_again_can_be_lost_again))
