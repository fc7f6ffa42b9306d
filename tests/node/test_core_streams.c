/* Whose stream is read from whom. */
#include "node/core/core_impl.h"
#include "tests/lib/pair_lab.h"

enum { LIFE = 7 };

/* A third node, which the first has no link with, and the second says that it has one. */
static struct pair *three(void)
{
    struct pair *p = pair_open_of_three();
    pair_pass(p, 500);
    CU_ASSERT_EQUAL_FATAL(pair_view(p, 0).state, REPL_MEMBER_ALIVE);
    struct repl_beat *b = &p->core[0]->members[2].heard;
    b->heard_count = 1;
    b->heard[0] = (struct repl_heard){ .node = 3, .incarnation = LIFE, .linked = true, .serves = true };
    for (int i = 0; i < b->position_count; i++)
        if (b->positions[i].origin == 3)
            b->positions[i] = (struct repl_position){ .origin = 3, .incarnation = LIFE, .version = 5 };
    return p;
}

static void test_who_has_no_link_with_a_node_reads_it_from_one_that_has(void)
{
    struct pair *p = three();
    core_streams_choose(p->core[0]);
    CU_ASSERT_PTR_EQUAL(p->core[0]->members[3].source, &p->core[0]->members[2]);
    CU_ASSERT_EQUAL(p->core[0]->members[3].replica.incarnation, LIFE);
    pair_free(p);
}

/* S1: it would be there and gone again, turn by turn. */
static void test_what_has_expired_is_read_when_its_node_is_heard_and_no_earlier(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    m->replica.incarnation = LIFE;
    c->rib.origins[3].class = RIB_STALE;
    rib_origin_drop(&c->rib, 3, RIB_CURRENT);
    core_streams_choose(c);
    CU_ASSERT_PTR_NULL(m->source);
    m->life.state = REPL_MEMBER_ALIVE;
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
    CU_ASSERT_EQUAL(c->rib.origins[3].lost_ms, c->now_ms); /* and its time has not run out */
    pair_free(p);
}

/* R7: what another one heard of a later life of it, and this one did not, is held here for as long as there. */
static void test_a_later_life_is_read_though_the_one_before_has_expired_and_it_is_away(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    c->members[2].heard.heard[0].linked = false;
    m->replica.incarnation = LIFE - 1;
    m->life.state = REPL_MEMBER_DEAD;
    m->life.heard_ms = c->now_ms - 100; /* as the other one's beats say */
    c->rib.origins[3].class = RIB_STALE;
    c->rib.origins[3].lost_ms = c->now_ms - 1000;
    rib_origin_drop(&c->rib, 3, RIB_CURRENT);
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
    CU_ASSERT_EQUAL(c->rib.origins[3].class, RIB_GRACE);
    CU_ASSERT_EQUAL(c->rib.origins[3].lost_ms, m->life.heard_ms);
    core_streams_choose(c); /* before its first words have come */
    CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
    pair_free(p);
}

/* I6: nor have those whom we hear a link with it; they read it from others. */
static void test_what_has_expired_is_read_from_who_has_as_much_as_we_had(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    c->members[2].heard.heard[0].linked = false;
    m->life.state = REPL_MEMBER_ALIVE;
    m->replica.incarnation = LIFE;
    m->replica.position = 5;
    core_streams_choose(c);
    CU_ASSERT_PTR_NULL(m->source);
    c->rib.origins[3].class = RIB_STALE;
    rib_origin_drop(&c->rib, 3, RIB_CURRENT);
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
    pair_free(p);
}

/* I1: what goes for an NVA that was disabled leaves the others' routes here, and they are newer than in a copy of before. So is
 * what a node itself has told in part, or before it began to tell all anew. */
static void test_what_is_read_from_the_beginning_is_not_read_from_an_older_copy(void)
{
    static const struct { uint64_t furthest; bool linked, is_read; } copies[] = { { 5, false, true }, { 5, true, true }, { 6, false, false }, { 6, true, false } };
    enum { PARTIAL, IN_PARTS, BEGUN, MISSED, WHYS };
    for (size_t i = 0; i < WHYS * (sizeof copies / sizeof *copies); i++) {
        struct pair *p = three();
        struct core *c = p->core[0];
        struct core_member *m = &c->members[3];
        int why = (int)(i % WHYS);
        c->members[2].heard.heard[0].linked = copies[i / WHYS].linked;
        m->replica.incarnation = LIFE;
        m->replica.furthest = copies[i / WHYS].furthest;
        m->replica.position = why == BEGUN ? 0 : why == IN_PARTS ? 3 : copies[i / WHYS].furthest;
        m->replica.missed = why == MISSED;
        m->parts_of = why == IN_PARTS ? m : NULL;
        m->life.state = REPL_MEMBER_ALIVE;
        c->rib.origins[3].is_partial = why == PARTIAL;
        core_streams_choose(c);
        bool is_read = copies[i / WHYS].is_read && (why != MISSED || copies[i / WHYS].linked); /* else it has nothing more */
        CU_ASSERT_PTR_EQUAL(m->source, is_read ? &c->members[2] : NULL);
        pair_free(p);
    }
}

/* R4: its next words would come before the beat that says that it is back, and go at once. */
static void test_whose_hold_is_over_is_read_no_more_until_it_is_heard(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL_FATAL(m->source, &c->members[2]);
    c->rib.origins[3].class = RIB_STALE;
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
    rib_origin_drop(&c->rib, 3, RIB_CURRENT);
    core_streams_choose(c);
    CU_ASSERT_PTR_NULL(m->source);
    m->life.state = REPL_MEMBER_ALIVE;
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
    pair_free(p);
}

/* I1: it has lost its memory, and the others tell of a life before of a higher number. What it has just said itself would
 * be old, and gone when it is back under a number that is higher yet. */
static void test_a_life_of_a_higher_number_is_not_read_while_a_node_may_take_a_higher_one_yet(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    m->life.state = REPL_MEMBER_SUSPECT;
    m->life.direct_ms = c->now_ms; /* its link has just ended */
    m->replica.incarnation = LIFE - 1;
    core_streams_choose(c);
    CU_ASSERT_PTR_NULL(m->source);
    CU_ASSERT_EQUAL(m->replica.incarnation, LIFE - 1);
    m->life.state = REPL_MEMBER_DEAD;
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
    CU_ASSERT_EQUAL(m->replica.incarnation, LIFE);
    pair_free(p);
}

/* S2: at the far end of a chain it is late with each beat, and was never linked. */
static void test_a_new_life_is_read_of_who_is_suspected_all_the_time(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    m->life.state = REPL_MEMBER_SUSPECT;
    m->life.direct_ms = c->now_ms - c->member_times.dead_ms;
    m->replica.incarnation = LIFE - 1;
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
    CU_ASSERT_EQUAL(m->replica.incarnation, LIFE);
    pair_free(p);
}

/* The third node is alive, and all that it has said is here. */
static struct core_member *read_to_its_end(struct pair *p)
{
    struct core_member *m = &p->core[0]->members[3];
    m->life.state = REPL_MEMBER_ALIVE;
    m->life.heard_ms = p->core[0]->now_ms;
    core_streams_choose(p->core[0]);
    m->replica.cut_seen = true;
    core_streams_choose(p->core[0]);
    return m;
}

/* From then on, and not a moment before. */
static void expect_held_at(struct core *c, uint8_t origin, uint64_t at_ms)
{
    c->now_ms = at_ms - 1;
    core_streams_choose(c);
    CU_ASSERT_EQUAL(c->rib.origins[origin].class, RIB_LIVE);
    c->now_ms = at_ms;
    core_streams_choose(c);
    CU_ASSERT_EQUAL(c->rib.origins[origin].class, RIB_GRACE);
}

/* S2: it is another life's by now that its source has, and that one serves nobody. */
static void test_a_copy_whose_source_has_gone_on_to_another_life_is_held(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    uint64_t heard_ms = c->now_ms;
    read_to_its_end(p);
    c->members[2].heard.heard[0] = (struct repl_heard){ .node = 3, .incarnation = LIFE + 1, .linked = true };
    for (int i = 0; i < c->members[2].heard.position_count; i++)
        if (c->members[2].heard.positions[i].origin == 3)
            c->members[2].heard.positions[i].incarnation = LIFE + 1;
    expect_held_at(c, 3, heard_ms + c->member_times.dead_ms);
    CU_ASSERT_EQUAL(c->rib.origins[3].lost_ms, heard_ms);
    pair_free(p);
}

/* S2: who is read hears it no more, or has not all that it says and so serves nobody. */
static void test_a_copy_whose_source_does_not_tell_it_on_is_held(void)
{
    for (int serves = 0; serves < 2; serves++) {
        struct pair *p = three();
        struct core *c = p->core[0];
        struct repl_beat *b = &c->members[2].heard;
        uint64_t heard_ms = c->now_ms;
        struct core_member *m = read_to_its_end(p);
        b->heard[0].serves = serves;
        for (int i = 0; i < b->position_count; i++)
            b->positions[i].status = serves ? RIB_GRACE : RIB_LIVE;
        expect_held_at(c, 3, heard_ms + c->member_times.dead_ms);
        CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]); /* it may tell on later */
        pair_free(p);
    }
}

/* S2: it beats, but tells nothing: it has woken itself, and hears its NVAs first. */
static void test_a_copy_that_is_not_read_on_is_held_though_its_node_is_linked(void)
{
    struct pair *p = pair_open();
    pair_pass(p, 500);
    struct core *c = p->core[0];
    struct core_member *m = &c->members[2];
    CU_ASSERT_EQUAL_FATAL(m->source, m);
    CU_ASSERT_TRUE_FATAL(m->replica.cut_seen);
    m->replica.cut_seen = false;
    m->life.armed_ms = c->now_ms; /* we have woken, too: its next words have a moment to come */
    expect_held_at(c, 2, c->now_ms + c->member_times.dead_ms);
    pair_free(p);
}

static void test_what_is_read_for_the_first_time_is_fresh_however_long_that_takes(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    m->life.state = REPL_MEMBER_ALIVE;
    core_streams_choose(c);
    c->now_ms += 10 * c->member_times.dead_ms;
    core_streams_choose(c);
    CU_ASSERT_EQUAL(c->rib.origins[3].class, RIB_LIVE);
    pair_free(p);
}

/* I1: what has woken a moment ago, or reads it no more, has a copy of before: what is withdrawn there may be announced by now. */
static void test_what_is_read_for_the_first_time_where_it_is_held_is_held_until_it_is_current(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    struct repl_beat *b = &c->members[2].heard;
    m->life.state = REPL_MEMBER_ALIVE;
    for (int i = 0; i < b->position_count; i++)
        b->positions[i].status = b->positions[i].origin == 3 ? RIB_GRACE : RIB_LIVE;
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL_FATAL(m->source, &c->members[2]);
    CU_ASSERT_EQUAL(c->rib.origins[3].class, RIB_GRACE);
    m->replica.position = 5;
    m->replica.cut_seen = true;
    core_streams_choose(c);
    CU_ASSERT_EQUAL(c->rib.origins[3].class, RIB_GRACE);
    for (int i = 0; i < b->position_count; i++)
        b->positions[i].status = RIB_LIVE;
    core_streams_choose(c);
    CU_ASSERT_EQUAL(c->rib.origins[3].class, RIB_LIVE);
    pair_free(p);
}

/* P1: what it inherited would go from its kernel, and come back with what the others hold. */
static void test_who_starts_converges_with_what_the_others_hold_of_the_dead(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    c->members[2].heard.heard[0].linked = false;
    m->life.state = REPL_MEMBER_DEAD;
    CU_ASSERT_FALSE(core_streams_hold_all(c));
    m->replica.incarnation = LIFE;
    m->replica.position = 5;
    CU_ASSERT_TRUE(core_streams_hold_all(c));
    c->members[2].has_heard = false; /* it may have more: it has not said yet */
    CU_ASSERT_FALSE(core_streams_hold_all(c));
    pair_free(p);
}

/* Deletion rule (ii): from when a node is here until what it says is, or three seconds are over. */
static void test_a_node_that_comes_is_awaited_until_it_was_heard_out(void)
{
    struct pair *p = pair_open();
    struct core *c = p->core[0];
    int awaited = 0;
    for (int ms = 0; ms < 500; ms++) {
        pair_pass(p, 1);
        awaited += core_streams_await(c);
    }
    CU_ASSERT(awaited > 0 && awaited < 100);
    CU_ASSERT_FALSE(core_streams_await(c));
    struct core_member *m = &c->members[2];
    m->replica.cut_seen = false;
    m->came_ms = c->now_ms;
    CU_ASSERT_TRUE(core_streams_await(c));
    c->now_ms += CORE_AWAIT_MS;
    CU_ASSERT_FALSE(core_streams_await(c));
    pair_free(p);
}

/* Deletion rule (ii): what an NVA announces in the place of what it withdraws may stand in the next part. */
static void test_what_goes_waits_for_the_rest_of_a_copy_also_where_its_node_is_away(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    uint64_t since_ms = 0;
    m->life.state = REPL_MEMBER_DEAD;
    c->members[2].heard.heard[0].linked = false;
    CU_ASSERT_TRUE(core_streams_hold(c, &since_ms, true));
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
    CU_ASSERT_TRUE(core_streams_hold(c, &since_ms, true));
    m->replica.position = 5; /* more nobody has: its end was cut off */
    CU_ASSERT_FALSE(core_streams_hold(c, &since_ms, true));
    pair_free(p);
}

static void test_what_goes_waits_for_the_rest_of_a_stream_whose_link_was_cut(void)
{
    struct pair *p = pair_open();
    pair_pass(p, 500);
    struct core *c = p->core[0];
    struct core_member *m = &c->members[2];
    uint64_t since_ms = 0;
    CU_ASSERT_FALSE(core_streams_hold(c, &since_ms, true));
    m->replica.at_cut = false;
    m->parts_of = m;
    core_streams_unlinked(c, m);
    CU_ASSERT_TRUE(core_streams_hold(c, &since_ms, true));
    c->now_ms += CORE_PARTS_MS; /* it may be gone */
    CU_ASSERT_FALSE(core_streams_hold(c, &since_ms, true));
    pair_free(p);
}

static const struct ip_prefix route = { .len = 24, .bytes = { 192, 168, 1 } };

/* The other node's session announces a route, which is in our kernel. */
static struct pair *with_a_route(struct program **kernel)
{
    static struct config_peer nva = { .name = "nva", .peer_ip = { .bytes = { 10, 0, 0, 9 } }, .peer_asn = 65001,
                                      .nodes = 1u << 2, .passive = true, .families = { true, false } };
    static struct config_target target = { .name = "kernel", .type = CONFIG_TARGET_NETLINK, .nodes = 1u << 1 };
    static struct config_target *targets[] = { &target };
    static const uint8_t said[] = { 0x40, BGP_ATTR_ORIGIN, 1, 0, 0x40, BGP_ATTR_AS_PATH, 6, 2, 1, 0, 0, 0xfd, 0xe9 };
    const struct config_target *of;
    struct pair *p = pair_open();
    struct program_op op;
    for (int i = 0; i < 2; i++) {
        core_free(p->core[i]);
        p->config[i].peers = &nva;
        p->config[i].peer_count = 1;
        p->config[i].targets = targets;
        p->config[i].target_count = 1;
        pair_start(p, i);
    }
    core_program_ready(p->core[0], 0, p->now);
    *kernel = core_program(p->core[0], 0, &of);
    struct rib *r = core_rib(p->core[1]);
    struct rib_session fact = { .state = RIB_SESSION_SYNCED, .generation = 1 };
    struct bgp_attrs attrs;
    CU_ASSERT_EQUAL_FATAL(rib_session_set(r, 2, 1, &fact, p->now), 0);
    CU_ASSERT_TRUE_FATAL(bgp_attrs_summarise(said, sizeof said, &attrs));
    attrs.next_hop = nva.peer_ip;
    uint32_t id = bgp_attrs_intern(&r->attrs, &attrs);
    CU_ASSERT_EQUAL_FATAL(rib_announce(r, 2, 1, &route, 0, id), 0);
    bgp_attrs_unref(&r->attrs, id);
    pair_pass(p, 1000);
    CU_ASSERT_TRUE_FATAL(program_next(*kernel, p->now, &op) && op.kind == PROGRAM_PUT);
    program_result(*kernel, &op, true, p->now);
    return p;
}

/* D1: of an NVA that its file does not name any more a node knows nothing, while another one still has a session with it. */
static void test_who_lacks_routes_of_an_nva_compares_nothing_until_it_has_read_them_anew(void)
{
    struct program *kernel;
    struct pair *p = with_a_route(&kernel);
    struct core *c = p->core[0];
    struct repl_replica *copy = &c->members[2].replica;
    pair_pass(p, 1000);
    CU_ASSERT_TRUE(core_digest_is_comparable(c));
    uint64_t incarnation = copy->incarnation;
    pair_kill(p, 0);
    p->config[0].peer_count = 0;
    p->config[0].digest[0]++;
    pair_start(p, 0);
    c = p->core[0];
    copy = &c->members[2].replica;
    pair_pass(p, 1000);
    CU_ASSERT_EQUAL(copy->incarnation, incarnation);
    CU_ASSERT_TRUE(copy->at_cut && copy->lacks);
    CU_ASSERT_FALSE(core_digest_is_comparable(c));
    struct rib_session fact = { .state = RIB_SESSION_DOWN, .generation = 1 };
    CU_ASSERT_EQUAL(rib_session_set(core_rib(p->core[1]), 2, 1, &fact, p->now), 0);
    p->config[1].digest[0]++;
    pair_pass(p, 200);
    CU_ASSERT_FALSE(copy->lacks);
    CU_ASSERT_TRUE(core_digest_is_comparable(c));
    c->rib.origins[2].is_partial = true; /* an NVA was disabled while its node was held */
    CU_ASSERT_FALSE(core_digest_is_comparable(c));
    p->config[1].digest[0]++;
    pair_pass(p, 200);
    p->config[1].digest[0]--;
    pair_pass(p, 200);
    CU_ASSERT_TRUE(core_digest_is_comparable(c));
    pair_free(p);
}

/* R4: who has read a node in part may have passed where an older copy of it has what has moved since. */
static void test_what_was_read_in_part_of_another_one_is_read_anew_from_a_copy(void)
{
    static const struct { uint32_t of; uint64_t position; } parts[] = { { 3, 0 }, { 2, 5 }, { 0, 5 } };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct pair *p = three();
        struct core *c = p->core[0];
        struct core_member *m = &c->members[3];
        m->replica.incarnation = LIFE;
        m->replica.position = 5;
        m->parts_of = parts[i].of ? &c->members[parts[i].of] : NULL;
        core_streams_choose(c);
        CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
        CU_ASSERT_EQUAL(m->replica.position, parts[i].position);
        CU_ASSERT_PTR_EQUAL(m->parts_of, parts[i].position && parts[i].of ? m->source : NULL); /* it may ask there again, and hear no more */
        pair_free(p);
    }
}

/* R4: nor is where it has got to by then a place in that order, when the node itself has just begun to tell all anew. */
static void test_a_reset_that_no_batch_follows_is_a_part_of_another_one(void)
{
    struct pair *p = three();
    struct core *c = p->core[0];
    struct core_member *m = &c->members[3];
    const struct repl_msg reset = { .kind = REPL_RESET, .reset = { .origin = 3, .incarnation = LIFE, .version = 2 } };
    m->replica.incarnation = LIFE;
    m->replica.position = m->replica.furthest = 4;
    m->replica.at_cut = true;
    m->source = m;
    core_on_reset(c, m, &reset);
    CU_ASSERT_EQUAL(m->replica.position, 2);
    core_streams_unlinked(c, m);
    core_streams_choose(c);
    CU_ASSERT_PTR_EQUAL(m->source, &c->members[2]);
    CU_ASSERT_EQUAL(m->replica.position, 0);
    pair_free(p);
}

/* R2: it may have been on its way since before the node itself was read, or the copy may be another one by now. */
static void test_a_reset_by_who_has_less_is_not_taken(void)
{
    for (uint64_t furthest = 5; furthest <= 6; furthest++) {
        struct pair *p = three();
        struct core *c = p->core[0];
        struct core_member *m = &c->members[3], *teller = &c->members[2];
        const struct repl_msg reset = { .kind = REPL_RESET, .reset = { .origin = 3, .incarnation = LIFE } };
        m->replica.incarnation = LIFE;
        m->replica.position = m->replica.furthest = furthest;
        core_streams_choose(c);
        CU_ASSERT_PTR_EQUAL_FATAL(m->source, teller);
        core_on_reset(c, teller, &reset);
        CU_ASSERT_EQUAL(m->replica.position, furthest == 5 ? 0 : 6);
        core_streams_choose(c);
        CU_ASSERT_PTR_EQUAL(m->source, teller); /* and it is asked for what comes behind that */
        pair_free(p);
    }
}

/* Deletion rule (ii): what its NVA announces in its place may stand in the next part. */
static void test_what_is_withdrawn_in_the_middle_of_a_stream_goes_at_its_end_or_a_little_later(void)
{
    for (int ends = 0; ends < 2; ends++) {
        struct program *kernel;
        struct pair *p = with_a_route(&kernel);
        struct repl_replica *copy = &p->core[0]->members[2].replica;
        struct program_op op;
        copy->at_cut = false;
        pair_pass(p, 1);
        CU_ASSERT_EQUAL_FATAL(rib_withdraw(core_rib(p->core[0]), 2, 1, &route, 0, p->now), 0);
        for (int ms = 0; ms < CORE_PARTS_MS - 10; ms++) {
            pair_pass(p, 1);
            CU_ASSERT_FALSE_FATAL(program_next(kernel, p->now, &op));
        }
        copy->at_cut = ends;
        pair_pass(p, ends ? 1 : 10);
        CU_ASSERT(program_next(kernel, p->now, &op) && op.kind == PROGRAM_DELETE);
        program_result(kernel, &op, true, p->now);
        pair_free(p);
    }
}

static const struct rib_path *held_of(const struct core *c, uint8_t origin)
{
    uint32_t net = prefix_table_find(&c->rib.nets, &route);
    for (uint32_t i = net ? rib_net(&c->rib, net)->paths : 0; i; i = rib_path_next(rib_path(&c->rib, i)))
        if (rib_path(&c->rib, i)->origin == origin)
            return rib_path(&c->rib, i);
    return NULL;
}

/* The second node's session withdraws the route, and soon announces it again. The first one falls asleep in between, and finds the
 * withdrawal in its socket. */
static void reads_late(struct pair *p)
{
    struct rib *r = core_rib(p->core[1]);
    uint32_t attrs = held_of(p->core[1], 2)->attrs;
    bgp_attrs_ref(&r->attrs, attrs);
    CU_ASSERT_EQUAL_FATAL(rib_withdraw(r, 2, 1, &route, 0, p->now), 0);
    for (int ms = 0; ms < 100; ms++, p->now++) {
        core_turn(p->core[1], p->now);
        for (int i = 0; i < PAIR_PIPES; i++)
            if (p->pipes[i].end[1])
                pair_move(p, &p->pipes[i], 1);
    }
    CU_ASSERT_EQUAL_FATAL(rib_announce(r, 2, 1, &route, 0, attrs), 0);
    bgp_attrs_unref(&r->attrs, attrs);
    p->now += 5000;
}

/* I1: a third node dies in that sleep, which held the route all the time. */
static void test_what_waited_for_a_node_that_slept_is_no_evidence(void)
{
    struct program *kernel;
    struct pair *p = with_a_route(&kernel);
    struct core *c = p->core[0];
    struct rib_session fact = { .state = RIB_SESSION_SYNCED, .generation = 1 };
    CU_ASSERT_EQUAL_FATAL(rib_session_set(&c->rib, 3, 1, &fact, p->now), 0);
    CU_ASSERT_EQUAL_FATAL(rib_announce(&c->rib, 3, 1, &route, 0, held_of(c, 2)->attrs), 0);
    pair_pass(p, 100);
    reads_late(p);
    repl_evidence_lost(&c->rib, 3, p->now);
    core_turn(c, p->now);
    CU_ASSERT_EQUAL(held_of(c, 2)->attrs, 0); /* it was read */
    CU_ASSERT_FALSE(held_of(c, 3)->flags & RIB_PATH_DISPROVED);
    pair_pass(p, 1000);
    CU_ASSERT_NOT_EQUAL(held_of(c, 2)->attrs, 0); /* by now the route stands on its own */
    pair_free(p);
}

/* A frame to the other node that is on its way is no reason to look at everything once more. */
static void test_what_is_sent_asks_for_a_turn_only_where_more_was_held(void)
{
    struct pair *p = pair_open();
    pair_pass(p, 500);
    struct core *c = p->core[0];
    struct core_conn *link = c->members[2].link;
    for (int ms = 0; ms < 100 && !link->pump.tx_len; ms++)
        core_turn(c, p->now++); /* until the next beat */
    size_t beat;
    pump_tx_bytes(&link->pump, &beat);
    CU_ASSERT_FATAL(beat > 1 && beat < c->bulk_queued);
    CU_ASSERT_FALSE(core_sent(c, &link->pump, 1, p->now));
    c->bulk_queued = beat - 1;
    CU_ASSERT_TRUE(core_sent(c, &link->pump, beat - 1, p->now));
    pair_free(p);
}

/* The second node has news of its session: does it tell the first one? */
static bool tells_news(struct core *c)
{
    struct rib_session fact = { .state = RIB_SESSION_SYNCED, .generation = 1 };
    uint64_t told = c->members[1].senders[2].position;
    CU_ASSERT_EQUAL_FATAL(rib_session_set(core_rib(c), 2, 1, &fact, c->now_ms), 0);
    core_streams_send(c);
    return c->members[1].senders[2].position > told;
}

/* A table comes in frames and not in turns, and a stream waits for no NVA that never stops talking. */
static void test_a_stream_waits_for_what_lies_here_unread_and_not_for_long(void)
{
    struct program *kernel;
    struct pair *p = with_a_route(&kernel);
    struct core *c = p->core[1];
    struct list unread;
    CU_ASSERT_TRUE(tells_news(c));
    list_append(&c->ready, &unread);
    CU_ASSERT_FALSE(tells_news(c));
    c->now_ms += CORE_STREAM_WAIT_MS;
    CU_ASSERT_TRUE(tells_news(c));
    CU_ASSERT_FALSE(tells_news(c));
    list_remove(&unread);
    CU_ASSERT_TRUE(tells_news(c));
    pair_free(p);
}

CU_MAIN("core_streams", CU_CASE(test_who_has_no_link_with_a_node_reads_it_from_one_that_has),
        CU_CASE(test_what_has_expired_is_read_when_its_node_is_heard_and_no_earlier),
        CU_CASE(test_a_later_life_is_read_though_the_one_before_has_expired_and_it_is_away),
        CU_CASE(test_what_has_expired_is_read_from_who_has_as_much_as_we_had),
        CU_CASE(test_what_is_read_from_the_beginning_is_not_read_from_an_older_copy),
        CU_CASE(test_whose_hold_is_over_is_read_no_more_until_it_is_heard),
        CU_CASE(test_a_life_of_a_higher_number_is_not_read_while_a_node_may_take_a_higher_one_yet),
        CU_CASE(test_a_new_life_is_read_of_who_is_suspected_all_the_time),
        CU_CASE(test_a_copy_whose_source_has_gone_on_to_another_life_is_held),
        CU_CASE(test_a_copy_whose_source_does_not_tell_it_on_is_held),
        CU_CASE(test_a_copy_that_is_not_read_on_is_held_though_its_node_is_linked),
        CU_CASE(test_what_is_read_for_the_first_time_is_fresh_however_long_that_takes),
        CU_CASE(test_what_is_read_for_the_first_time_where_it_is_held_is_held_until_it_is_current),
        CU_CASE(test_who_starts_converges_with_what_the_others_hold_of_the_dead),
        CU_CASE(test_a_node_that_comes_is_awaited_until_it_was_heard_out),
        CU_CASE(test_what_goes_waits_for_the_rest_of_a_copy_also_where_its_node_is_away),
        CU_CASE(test_what_goes_waits_for_the_rest_of_a_stream_whose_link_was_cut),
        CU_CASE(test_who_lacks_routes_of_an_nva_compares_nothing_until_it_has_read_them_anew),
        CU_CASE(test_what_was_read_in_part_of_another_one_is_read_anew_from_a_copy),
        CU_CASE(test_a_reset_that_no_batch_follows_is_a_part_of_another_one),
        CU_CASE(test_a_reset_by_who_has_less_is_not_taken),
        CU_CASE(test_what_is_withdrawn_in_the_middle_of_a_stream_goes_at_its_end_or_a_little_later),
        CU_CASE(test_what_waited_for_a_node_that_slept_is_no_evidence),
        CU_CASE(test_what_is_sent_asks_for_a_turn_only_where_more_was_held),
        CU_CASE(test_a_stream_waits_for_what_lies_here_unread_and_not_for_long))
