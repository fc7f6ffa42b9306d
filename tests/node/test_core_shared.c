/* A shared target of a pair of nodes: who writes it. The target itself is a record that both read and swap. */
#include "tests/lib/pair_lab.h"

struct shared {
    struct pair *pair;
    struct config_target target, *targets[1];
    struct repl_fence_record record;
};

/* What a backend does: the fence's steps, against the one record. */
static void serve(struct shared *s, int side)
{
    struct pair *p = s->pair;
    struct repl_fence *f = core_fence(p->core[side], 0);
    switch (repl_fence_next(f, p->now)) {
    case REPL_FENCE_READ:
        repl_fence_seen(f, s->record.epoch ? &s->record : NULL, p->now);
        break;
    case REPL_FENCE_TAKE:
        if (s->record.epoch != f->record.epoch) {
            repl_fence_refused(f, &s->record, p->now);
            break;
        }
        s->record = (struct repl_fence_record){ repl_fence_next_epoch(f), (uint32_t)side + 1, f->incarnation };
        repl_fence_took(f, s->record.epoch, p->now);
        break;
    default:
        break;
    }
}

static void pass(struct shared *s, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        serve(s, 0);
        serve(s, 1);
        pair_pass(s->pair, 1);
    }
}

static void open_shared(struct shared *s)
{
    *s = (struct shared){ .pair = pair_open(), .target = { .name = "store", .type = CONFIG_TARGET_ETCD, .nodes = UINT32_MAX } };
    s->targets[0] = &s->target;
    for (int i = 0; i < 2; i++) {
        core_free(s->pair->core[i]);
        s->pair->config[i].targets = s->targets;
        s->pair->config[i].target_count = 1;
        pair_start(s->pair, i);
        core_program_ready(s->pair->core[i], 0, s->pair->now);
    }
    pass(s, 5000);
    CU_ASSERT_TRUE_FATAL(s->record.epoch == 1);
}

static int writer(const struct shared *s)
{
    return (int)s->record.owner - 1;
}

static void test_a_writer_that_yields_is_followed_by_the_other_node(void)
{
    struct shared s;
    open_shared(&s);
    int first = writer(&s);
    CU_ASSERT_EQUAL(core_target_yield(s.pair->core[1 - first], 0, s.pair->now), CORE_YIELD_NOT_OURS);
    CU_ASSERT_EQUAL(core_target_yield(s.pair->core[first], 0, s.pair->now), CORE_YIELDED);
    CU_ASSERT_EQUAL(core_target_yield(s.pair->core[first], 0, s.pair->now), CORE_YIELD_NOT_OURS);
    pass(&s, 150);
    CU_ASSERT_EQUAL(s.record.epoch, 2);
    CU_ASSERT_EQUAL(writer(&s), 1 - first);
    pass(&s, 15000); /* and keeps it */
    CU_ASSERT_EQUAL(s.record.epoch, 2);
    CU_ASSERT_EQUAL(core_target_yield(s.pair->core[1 - first], 0, s.pair->now), CORE_YIELDED);
    pass(&s, 150);
    CU_ASSERT_EQUAL(writer(&s), first);
    pair_free(s.pair);
}

static void test_nobody_yields_to_a_node_that_could_not_write(void)
{
    struct shared s;
    open_shared(&s);
    int first = writer(&s);
    repl_fence_unreadable(core_fence(s.pair->core[1 - first], 0), s.pair->now);
    for (int i = 0; i < 100; i++) {
        serve(&s, first);
        pair_pass(s.pair, 1);
    }
    CU_ASSERT_EQUAL(core_target_yield(s.pair->core[first], 0, s.pair->now), CORE_YIELD_NO_HEIR);
    pair_kill(s.pair, 1 - first);
    CU_ASSERT_EQUAL(core_target_yield(s.pair->core[first], 0, s.pair->now), CORE_YIELD_NO_HEIR);
    CU_ASSERT_EQUAL(core_fence(s.pair->core[first], 0)->role, REPL_ACTIVE);
    pair_free(s.pair);
}

static void test_nobody_yields_to_a_node_that_leaves(void)
{
    struct shared s;
    open_shared(&s);
    int first = writer(&s);
    core_drain(s.pair->core[1 - first], "new kernel", s.pair->now);
    pass(&s, 100);
    CU_ASSERT_EQUAL(core_target_yield(s.pair->core[first], 0, s.pair->now), CORE_YIELD_NO_HEIR);
    core_drain(s.pair->core[first], "new kernel, too", s.pair->now); /* then who has it keeps it */
    pass(&s, 15000);
    CU_ASSERT_EQUAL(core_fence(s.pair->core[first], 0)->role, REPL_ACTIVE);
    core_undrain(s.pair->core[1 - first], s.pair->now);
    pass(&s, 250);
    CU_ASSERT_EQUAL(writer(&s), 1 - first);
    CU_ASSERT_EQUAL(s.record.epoch, 2);
    pair_free(s.pair);
}

static void test_a_target_of_every_node_is_not_yielded(void)
{
    struct shared s;
    open_shared(&s);
    core_free(s.pair->core[0]);
    s.target.type = CONFIG_TARGET_NETLINK;
    pair_start(s.pair, 0);
    CU_ASSERT_EQUAL(core_target_yield(s.pair->core[0], 0, s.pair->now), CORE_YIELD_NOT_SHARED);
    core_free(s.pair->core[1]);
    s.pair->core[1] = NULL;
    pair_free(s.pair);
}

CU_MAIN("core_shared", CU_CASE(test_a_writer_that_yields_is_followed_by_the_other_node),
        CU_CASE(test_nobody_yields_to_a_node_that_could_not_write), CU_CASE(test_nobody_yields_to_a_node_that_leaves),
        CU_CASE(test_a_target_of_every_node_is_not_yielded))
