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
        for (int side = 0; side < 2; side++)
            if (s->pair->core[side])
                serve(s, side);
        pair_pass(s->pair, 1);
    }
}

static void open_shared_by(struct shared *s, struct pair *pair, struct config_peer *peers, size_t peer_count)
{
    *s = (struct shared){ .pair = pair, .target = { .name = "store", .type = CONFIG_TARGET_ETCD, .nodes = UINT32_MAX } };
    s->targets[0] = &s->target;
    for (int i = 0; i < 2; i++) {
        core_free(s->pair->core[i]);
        s->pair->config[i].targets = s->targets;
        s->pair->config[i].target_count = 1;
        s->pair->config[i].peers = peers;
        s->pair->config[i].peer_count = peer_count;
        pair_start(s->pair, i);
        core_program_ready(s->pair->core[i], 0, s->pair->now);
    }
    pass(s, 5000);
    CU_ASSERT_TRUE_FATAL(s->record.epoch == 1);
}

static void open_shared_with(struct shared *s, struct config_peer *peers, size_t peer_count)
{
    open_shared_by(s, pair_open(), peers, peer_count);
}

static void open_shared(struct shared *s)
{
    open_shared_with(s, NULL, 0);
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

static void read_newer_file(struct shared *s, int side, size_t target_count)
{
    pair_kill(s->pair, side);
    s->pair->config[side].generation = s->pair->config[1 - side].generation + 1;
    s->pair->config[side].target_count = target_count;
    pair_start(s->pair, side);
    if (target_count)
        core_program_ready(s->pair->core[side], 0, s->pair->now);
}

/* D6 is about the nodes that could write it: who has a newer file, and not the target, takes it from nobody. */
static void test_only_a_newer_file_of_a_node_that_has_the_target_ends_a_writer(void)
{
    static const struct { uint32_t nodes; size_t targets; bool ends; } files[] = {
        { 1u << 1, 0, false },    /* it is the first node's by both files */
        { 1u << 1, 1, true },     /* by the newer one it is the second's, too */
        { UINT32_MAX, 1, true },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct shared s = { .pair = pair_open(), .target = { .name = "store", .type = CONFIG_TARGET_ETCD } };
        struct config_target theirs = { .name = "store", .type = CONFIG_TARGET_ETCD, .nodes = UINT32_MAX };
        struct config_target *its[] = { &theirs };
        s.targets[0] = &s.target;
        s.target.nodes = files[i].nodes;
        s.pair->config[0].targets = s.targets;
        s.pair->config[1].targets = its;
        core_free(s.pair->core[0]);
        s.pair->config[0].target_count = 1;
        pair_start(s.pair, 0);
        core_program_ready(s.pair->core[0], 0, s.pair->now);
        read_newer_file(&s, 1, 0);
        for (int ms = 0; ms < 5000; ms++) {
            serve(&s, 0);
            pair_pass(s.pair, 1);
        }
        CU_ASSERT_EQUAL_FATAL(writer(&s), 0);
        read_newer_file(&s, 1, files[i].targets);
        for (int ms = 0; ms < 1000; ms++) {
            serve(&s, 0);
            pair_pass(s.pair, 1);
        }
        CU_ASSERT_EQUAL(core_fence(s.pair->core[0], 0)->role == REPL_ACTIVE, !files[i].ends);
        pair_free(s.pair);
    }
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

/* An NVA comes and goes: its number is nobody's. */
static void free_a_number(struct shared *s)
{
    struct core *c = s->pair->core[0];
    const struct config_peer cfg = { .name = "fw-3", .peer_ip = { .bytes = { 10, 0, 0, 10 } }, .peer_asn = 65003 };
    struct core_peer *p = core_peer_add(c, &cfg, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    uint16_t nva = p->nva;
    core_peer_remove(c, p);
    pair_pass(s->pair, 10000);
    CU_ASSERT_PTR_NULL_FATAL(c->peers[nva]);
}

/* What stands in the target was put by the other node, and leads where no session's address is: of an IPv6 route that is
 * so for every NVA that talks over IPv4. */
static void test_a_next_hop_of_no_session_is_disproved_by_all(void)
{
    static struct config_peer peers[] = {
        { .name = "fw-1", .peer_ip = { .bytes = { 10, 0, 0, 8 } }, .peer_asn = 65001, .passive = true, .symmetric = true },
        { .name = "fw-2", .peer_ip = { .bytes = { 10, 0, 0, 9 } }, .peer_asn = 65002, .passive = true, .symmetric = true }
    };
    static const struct rib_session told = { .state = RIB_SESSION_SYNCED, .generation = 1 }, lost = { .generation = 1 };
    const struct ip_prefix prefix = { .family = BGP_IP6, .len = 32, .bytes = { 0x20, 1, 0x0d, 0xb8 } };
    struct ip_addr hop = { .family = BGP_IP6, .bytes = { 0xfd, [15] = 8 } };
    struct shared s = { .pair = pair_open(), .target = { .name = "store", .type = CONFIG_TARGET_ETCD, .nodes = UINT32_MAX } };
    struct config *config = &s.pair->config[0];
    s.targets[0] = &s.target;
    core_free(s.pair->core[0]);
    config->targets = s.targets;
    config->target_count = 1;
    config->peers = peers;
    config->peer_count = 2;
    pair_start(s.pair, 0);
    struct core *c = s.pair->core[0];
    struct core_target *t = c->targets[0];
    bool nomem;
    uint32_t net = prefix_table_get(&c->rib.nets, &prefix), set = nhset_intern(&c->rib.sets, &hop, 1, &nomem);
    CU_ASSERT_EQUAL_FATAL(program_inherit(t->program, net, set), 0);
    t->writer = 2;
    for (uint16_t nva = 1; nva <= 2; nva++) {
        CU_ASSERT_FALSE(core_shared_is_disproved(c, t, net));
        CU_ASSERT_EQUAL_FATAL(rib_session_set(&c->rib, 1, nva, &told, s.pair->now), 0);
    }
    CU_ASSERT_TRUE(core_shared_is_disproved(c, t, net));
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&c->rib, 1, 1, &lost, s.pair->now), 0);
    CU_ASSERT_FALSE(core_shared_is_disproved(c, t, net));
    c->nvas[1].is_taken_out = true; /* it says nothing any more */
    CU_ASSERT_TRUE(core_shared_is_disproved(c, t, net));
    free_a_number(&s);
    CU_ASSERT_TRUE(core_shared_is_disproved(c, t, net));
    nhset_unref(&c->rib.sets, set);
    pair_free(s.pair);
}

/* One that is taken out says nothing any more; its successor under another name may. */
static void test_a_next_hop_is_disproved_by_all_whose_address_it_is(void)
{
    static struct config_peer peers[] = {
        { .name = "old", .peer_ip = { .bytes = { 10, 0, 0, 8 } }, .peer_asn = 65001, .passive = true, .symmetric = true },
        { .name = "new", .peer_ip = { .bytes = { 10, 0, 0, 8 } }, .peer_asn = 65001, .passive = true, .symmetric = true }
    };
    static const struct rib_session told = { .state = RIB_SESSION_SYNCED, .generation = 1 };
    const struct ip_prefix prefix = { .len = 24, .bytes = { 192, 168, 1 } };
    struct ip_addr hop = { .bytes = { 10, 0, 0, 8 } };
    struct shared s;
    open_shared_with(&s, peers, 2);
    struct core *c = s.pair->core[0];
    struct core_target *t = c->targets[0];
    bool nomem;
    uint32_t net = prefix_table_get(&c->rib.nets, &prefix), set = nhset_intern(&c->rib.sets, &hop, 1, &nomem);
    CU_ASSERT_EQUAL_FATAL(program_inherit(t->program, net, set), 0);
    t->writer = 2;
    c->nvas[1].is_taken_out = true;
    CU_ASSERT_FALSE(core_shared_is_disproved(c, t, net));
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&c->rib, 1, 2, &told, s.pair->now), 0);
    CU_ASSERT_TRUE(core_shared_is_disproved(c, t, net));
    nhset_unref(&c->rib.sets, set);
    pair_free(s.pair);
}

/* The writer heard a dynamic neighbour that has not called here: nobody here can speak for it, whatever it leads to. */
static void test_a_next_hop_of_an_nva_that_has_not_called_is_disproved_by_nobody(void)
{
    static struct config_peer peers[] = {
        { .name = "fw-1", .peer_ip = { .bytes = { 10, 0, 0, 8 } }, .peer_asn = 65001, .passive = true, .symmetric = true },
        { .name = "edge", .is_range = true, .range = { .len = 24, .bytes = { 10, 0, 1 } }, .passive = true, .symmetric = true }
    };
    static const struct rib_session told = { .state = RIB_SESSION_SYNCED, .generation = 1 };
    static struct { struct ip_addr hop; bool is_disproved; } cases[] = {
        { { .bytes = { 10, 0, 1, 9 } }, false },
        { { .bytes = { 10, 0, 2, 9 } }, false }, /* a load balancer's */
        { { .family = BGP_IP6, .bytes = { 0xfd, [15] = 9 } }, false },
        { { .bytes = { 10, 0, 0, 8 } }, true },
    };
    struct shared s;
    open_shared_with(&s, peers, 2);
    struct core *c = s.pair->core[0];
    struct core_target *t = c->targets[0];
    t->writer = 2;
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&c->rib, 1, 1, &told, s.pair->now), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct ip_prefix prefix = { .len = 24, .bytes = { 192, 168, (uint8_t)i } };
        bool nomem;
        uint32_t net = prefix_table_get(&c->rib.nets, &prefix), set = nhset_intern(&c->rib.sets, &cases[i].hop, 1, &nomem);
        CU_ASSERT_EQUAL_FATAL(program_inherit(t->program, net, set), 0);
        CU_ASSERT_EQUAL(core_shared_is_disproved(c, t, net), cases[i].is_disproved);
        nhset_unref(&c->rib.sets, set);
    }
    pair_free(s.pair);
}

/* Neither of the two nodes dials it: what they hear of it the tests say. */
static struct config_peer fw_1 = { .name = "fw-1", .peer_ip = { .bytes = { 10, 0, 0, 8 } }, .peer_asn = 65001,
                                   .nodes = 1u << 3, .passive = true, .symmetric = true, .families = { true } };

/* It has told this node all it has. */
static void say_all(struct core *c, uint8_t self)
{
    static const struct rib_session told = { .state = RIB_SESSION_SYNCED, .generation = 1, .families = 1 };
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&c->rib, self, 1, &told, c->now_ms), 0);
}

static uint32_t stand(struct core *c, uint8_t number)
{
    const struct ip_prefix prefix = { .len = 24, .bytes = { 192, 168, number } };
    struct ip_addr hop = { .bytes = { 10, 0, 0, 8 } };
    bool nomem;
    uint32_t net = prefix_table_get(&c->rib.nets, &prefix), set = nhset_intern(&c->rib.sets, &hop, 1, &nomem);
    CU_ASSERT_EQUAL_FATAL(program_observe(c->targets[0]->program, net, set), 0);
    nhset_unref(&c->rib.sets, set);
    return net;
}

/* Is it removed by now? */
static bool is_gone(struct core *c, uint32_t net)
{
    struct program *p = c->targets[0]->program;
    struct program_op op;
    while (program_next(p, c->now_ms, &op))
        program_result(p, &op, true, c->now_ms);
    return !program_actual_set(p, net);
}

/* It was wanted here, too, since the other node told it: of an NVA that is heard by that node alone. */
static void tell(struct core *c, uint8_t origin, uint8_t number)
{
    static const uint8_t canonical[] = { 0x40, BGP_ATTR_ORIGIN, 1, BGP_ORIGIN_IGP, 0x40, BGP_ATTR_AS_PATH, 6, 2, 1, 0, 0, 0xfd, 0xe9 };
    const struct ip_prefix prefix = { .len = 24, .bytes = { 192, 168, number } };
    struct bgp_attrs attrs;
    CU_ASSERT_TRUE_FATAL(bgp_attrs_summarise(canonical, sizeof canonical, &attrs));
    attrs.next_hop = (struct ip_addr){ .bytes = { 10, 0, 0, 8 } };
    uint32_t id = bgp_attrs_intern(&c->rib.attrs, &attrs);
    CU_ASSERT_EQUAL_FATAL(rib_announce(&c->rib, origin, 1, &prefix, 0, id), 0);
    bgp_attrs_unref(&c->rib.attrs, id);
}

/* The other node wrote two routes and is dead for good. Of the one it is known that it was withdrawn, before there is a session
 * that says so; of the other one nothing, but that its NVA has not told it. */
static void test_what_the_dead_wrote_goes_by_the_word_of_its_nva(void)
{
    struct shared s;
    open_shared_with(&s, &fw_1, 1);
    int dead = writer(&s);
    struct core *c = s.pair->core[1 - dead];
    pair_kill(s.pair, dead);
    uint32_t withdrawn = stand(c, 1), untold = stand(c, 2);
    rib_net(&c->rib, withdrawn)->flags |= RIB_NET_WITHDRAWN;
    pass(&s, 1500);
    CU_ASSERT_EQUAL_FATAL(writer(&s), 1 - dead);
    CU_ASSERT_FALSE(is_gone(c, withdrawn) || is_gone(c, untold));
    say_all(c, (uint8_t)(2 - dead));
    pass(&s, 500);
    CU_ASSERT_TRUE(is_gone(c, withdrawn));
    CU_ASSERT_FALSE(is_gone(c, untold)); /* it may have been told there a moment before */
    pass(&s, CORE_HEARSAY_TARGET_MS);
    CU_ASSERT_TRUE(is_gone(c, untold));
    uint32_t late = stand(c, 3); /* an event of the watch was lost: it is found there later */
    CU_ASSERT_FALSE(is_gone(c, late));
    pass(&s, 6000);
    CU_ASSERT_TRUE(is_gone(c, late));
    pair_free(s.pair);
}

/* Another one that could not be put in its place changes nothing of that. */
static void test_a_failure_keeps_nothing_that_the_dead_wrote(void)
{
    struct ip_addr hop = { .bytes = { 10, 0, 0, 9 } };
    struct program_op op;
    bool nomem;
    struct shared s;
    open_shared_with(&s, &fw_1, 1);
    int dead = writer(&s);
    struct core *c = s.pair->core[1 - dead];
    struct program *p = c->targets[0]->program;
    pair_kill(s.pair, dead);
    uint32_t net = stand(c, 1), set = nhset_intern(&c->rib.sets, &hop, 1, &nomem);
    pass(&s, 1500);
    CU_ASSERT_EQUAL_FATAL(program_want(p, net, set, PROGRAM_LOST, c->now_ms), 0);
    nhset_unref(&c->rib.sets, set);
    CU_ASSERT_TRUE_FATAL(program_next(p, c->now_ms, &op));
    program_result(p, &op, false, c->now_ms);
    CU_ASSERT_EQUAL_FATAL(program_want(p, net, 0, PROGRAM_LOST, c->now_ms), 0);
    CU_ASSERT_FALSE(is_gone(c, net));
    say_all(c, (uint8_t)(2 - dead));
    pass(&s, 500 + CORE_HEARSAY_TARGET_MS);
    CU_ASSERT_TRUE(is_gone(c, net));
    pair_free(s.pair);
}

/* This node wrote what its NVA told it; the other one had it of this one, and has no more. */
static uint32_t written_and_lost(struct shared *s, int by)
{
    struct core *c = s->pair->core[1 - by];
    tell(c, (uint8_t)(by + 1), 1);
    pass(s, 10);
    uint32_t net = stand(c, 1);
    CU_ASSERT_NOT_EQUAL_FATAL(program_wanted_set(c->targets[0]->program, net), 0);
    rib_origin_drop(&c->rib, (uint8_t)(by + 1), RIB_CURRENT);
    return net;
}

/* The writer lives, and is not heard for longer than what it told is held; what it has written stands, and may be announced
 * to it all the time. When it dies, that is held like what it wrote last. */
static void test_what_expired_here_is_held_when_its_writer_dies(void)
{
    struct shared s;
    open_shared_with(&s, &fw_1, 1);
    int dead = writer(&s);
    struct core *c = s.pair->core[1 - dead];
    uint32_t net = written_and_lost(&s, dead);
    pass(&s, 10);
    CU_ASSERT_TRUE_FATAL(program_is_unwanted(c->targets[0]->program, net));
    pair_kill(s.pair, dead);
    pass(&s, 1500);
    CU_ASSERT_EQUAL_FATAL(writer(&s), 1 - dead);
    CU_ASSERT_FALSE(is_gone(c, net));
    say_all(c, (uint8_t)(2 - dead));
    pass(&s, 500 + CORE_HEARSAY_TARGET_MS);
    CU_ASSERT_TRUE(is_gone(c, net));
    pair_free(s.pair);
}

/* It gives the target up, and is heard: what it says is lost is lost. */
static void test_what_was_lost_goes_when_its_writer_is_heard(void)
{
    struct shared s;
    open_shared_with(&s, &fw_1, 1);
    int first = writer(&s);
    struct core *c = s.pair->core[1 - first];
    uint32_t net = written_and_lost(&s, first);
    CU_ASSERT_EQUAL(core_target_yield(s.pair->core[first], 0, s.pair->now), CORE_YIELDED);
    pass(&s, 150);
    CU_ASSERT_EQUAL_FATAL(writer(&s), 1 - first);
    CU_ASSERT_TRUE(program_is_unwanted(c->targets[0]->program, net));
    CU_ASSERT_FALSE(program_is_hearsay(c->targets[0]->program, net));
    pair_free(s.pair);
}

/* The third node is heard by what the second says of it, who cannot pass its stream on. */
static void pass_beside_a_third(struct shared *s, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        struct core_member *third = &s->pair->core[0]->members[3];
        repl_member_heard_of(&third->life, s->pair->now, true, s->pair->now);
        third->told_ms = s->pair->now;
        pass(s, 1);
    }
}

static void test_a_writer_that_woke_waits_for_nobody_whose_stream_does_not_come(void)
{
    struct shared s;
    open_shared_by(&s, pair_open_of_three(), NULL, 0);
    CU_ASSERT_EQUAL_FATAL(writer(&s), 0);
    struct repl_fence *f = core_fence(s.pair->core[0], 0);
    pass_beside_a_third(&s, 1000);
    CU_ASSERT_TRUE(repl_fence_may_write(f));
    s.pair->now += 5000;
    pass_beside_a_third(&s, CORE_AWAIT_MS - 100);
    CU_ASSERT_FALSE(repl_fence_may_write(f));
    pass_beside_a_third(&s, 200);
    CU_ASSERT_TRUE(repl_fence_may_write(f));
    pair_free(s.pair);
}

CU_MAIN("core_shared", CU_CASE(test_a_writer_that_yields_is_followed_by_the_other_node),
        CU_CASE(test_nobody_yields_to_a_node_that_could_not_write), CU_CASE(test_nobody_yields_to_a_node_that_leaves),
        CU_CASE(test_only_a_newer_file_of_a_node_that_has_the_target_ends_a_writer),
        CU_CASE(test_a_target_of_every_node_is_not_yielded), CU_CASE(test_a_next_hop_of_no_session_is_disproved_by_all),
        CU_CASE(test_a_next_hop_of_an_nva_that_has_not_called_is_disproved_by_nobody),
        CU_CASE(test_a_next_hop_is_disproved_by_all_whose_address_it_is),
        CU_CASE(test_what_the_dead_wrote_goes_by_the_word_of_its_nva),
        CU_CASE(test_a_failure_keeps_nothing_that_the_dead_wrote),
        CU_CASE(test_what_expired_here_is_held_when_its_writer_dies),
        CU_CASE(test_what_was_lost_goes_when_its_writer_is_heard),
        CU_CASE(test_a_writer_that_woke_waits_for_nobody_whose_stream_does_not_come))
