/* Host agents of one core: what they are told, that it is encoded once, who may connect. */
#include <stdlib.h>
#include <string.h>

#include "node/core/core_impl.h"
#include "tests/lib/config_text.h"
#include "tests/lib/links.h"

enum { AGENTS = 60, ROUTES = 6000 };

struct side {
    struct repl_identity id;
    struct repl_secrets secrets; /* what it is started with */
    struct repl_party node;
    struct repl_link *link;
    struct pump *pump;
    uint32_t announced, removed, cuts, beats;
    uint32_t total; /* as told at the last cut */
    uint32_t lost, told; /* next hops, as told last */
    uint32_t removed_before_lost;
    bool has_digest, closed; /* has_digest: in what it heard last */
    bool awaits;             /* as told last */
    uint8_t digest[REPL_DIGEST];
};

struct lab {
    struct links keys;
    struct config *config;
    struct core *core;
    uint64_t now;
    struct config_agent listed[AGENTS];
    struct side sides[AGENTS];
};

static struct config *load(void)
{
    return config_of("routeServer: { name: hub, mode: transparent }\n"
                     "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                     "peers: [{ name: p, peerIp: 10.0.0.2, peerAsn: 65001 },\n"
                     "        { name: q, peerIp: 10.0.0.3, peerAsn: 65002 }]\n"
                     "programming: [{ name: t, type: table }]\n");
}

static void make_hosts(struct lab *l)
{
    for (int i = 0; i < AGENTS; i++) {
        char text[REPL_KEY_TEXT];
        repl_identity_new(text);
        CU_ASSERT_EQUAL_FATAL(repl_identity_parse(text, &l->sides[i].id), 0);
        snprintf(l->listed[i].name, sizeof l->listed[i].name, "vm-%d", i);
        memcpy(l->listed[i].public_key, l->sides[i].id.public_key, REPL_KEY);
        l->sides[i].secrets = l->keys.secrets;
    }
}

/* Of so many nodes, none of which is dialled. */
static struct lab *lab_open_of(uint32_t nodes)
{
    struct lab *l = calloc(1, sizeof *l);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    l->now = 1000000;
    links_init(&l->keys);
    l->config = load();
    for (l->config->node_count = 1; l->config->node_count < nodes; l->config->node_count++) {
        l->config->nodes[l->config->node_count] = l->config->nodes[0];
        l->config->nodes[l->config->node_count].id = (uint32_t)l->config->node_count + 1;
    }
    make_hosts(l);
    l->core = core_new(&(struct core_cfg){ .config = l->config,
                                           .self = 1,
                                           .identity = &l->keys.ids[1],
                                           .agent_secrets = &l->keys.secrets },
                       l->now);
    core_set_agents(l->core, l->listed, AGENTS, l->now);
    for (uint32_t id = 2; id <= nodes; id++)
        l->core->members[id].life.dial_ms = UINT64_MAX;
    return l;
}

static struct lab *lab_open(void)
{
    return lab_open_of(1);
}

static void lab_close(struct lab *l)
{
    for (int i = 0; i < AGENTS; i++)
        repl_link_free(l->sides[i].link);
    core_free(l->core);
    config_free(l->config);
    free(l);
}

static void connect(struct lab *l, int i)
{
    struct side *s = &l->sides[i];
    struct repl_link_cfg cfg = links_cfg(&l->keys, 0, 1, true);
    struct ip_addr remote = { .bytes = { 10, 1, (uint8_t)(i >> 8), (uint8_t)i } };
    s->node = repl_party(REPL_ROLE_NODE, 1, l->keys.ids[1].public_key);
    memset(cfg.cluster_id, 0, sizeof cfg.cluster_id);
    repl_cluster_id("hub", cfg.cluster_id);
    cfg.role = REPL_ROLE_AGENT;
    cfg.secrets = &s->secrets;
    cfg.identity = &s->id;
    cfg.parties = &s->node;
    cfg.hello.node = 0;
    s->closed = false;
    s->link = repl_link_new(&cfg, l->now);
    s->pump = core_accept(l->core, CORE_PORT_CLUSTER, &remote, &remote, l->now);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->pump);
}

static void hear(struct lab *l, struct side *s, const struct repl_link_event *e)
{
    struct repl_msg subscribe = { .kind = REPL_TABLE_SUBSCRIBE };
    if (e->kind == REPL_LINK_UP)
        CU_ASSERT_EQUAL(repl_link_send(s->link, &subscribe, l->now), 0);
    if (e->kind != REPL_LINK_MSG)
        return;
    if (e->msg->kind == REPL_TABLE_BEAT) {
        s->beats++;
        s->has_digest = e->msg->beat.has_digest;
        memcpy(s->digest, e->msg->beat.digest, REPL_DIGEST);
    }
    if (e->msg->kind != REPL_TABLE_BATCH)
        return;
    const struct repl_table_batch *b = &e->msg->table_batch;
    if (b->lost_count && !s->lost)
        s->removed_before_lost = s->removed;
    s->lost = b->lost_count;
    s->awaits = b->awaits;
    s->told = b->told_count;
    for (uint32_t i = 0; i < b->route_count; i++) {
        uint32_t *counter = b->routes[i].next_hop_count ? &s->announced : &s->removed;
        for (uint16_t at = 0; at < b->routes[i].len; *counter += 1)
            at = (uint16_t)(at + 1 + ip_prefix_bytes(b->routes[i].nlri[at]));
    }
    s->cuts += b->cut;
    if (b->cut) {
        s->has_digest = true;
        memcpy(s->digest, b->digest, REPL_DIGEST);
    }
    s->total = b->cut ? b->route_total : s->total;
}

static void read_side(struct lab *l, struct side *s)
{
    struct repl_link_event e;
    size_t len, used = 0;
    const uint8_t *bytes = pump_tx_bytes(s->pump, &len);
    while (used < len) {
        size_t n = repl_link_feed(s->link, bytes + used, len - used, l->now);
        while (repl_link_next(s->link, &e))
            hear(l, s, &e);
        if (!n)
            break;
        used += n;
    }
    if (used)
        core_sent(l->core, s->pump, used, l->now);
}

static void write_side(struct lab *l, struct side *s)
{
    size_t room;
    uint8_t *at = pump_rx_space(s->pump, &room);
    size_t n = repl_link_pull(s->link, at, room);
    if (n)
        core_received(l->core, s->pump, n);
}

static void take_requests(struct lab *l)
{
    struct core_request r;
    while (core_next_request(l->core, &r))
        for (int i = 0; r.kind == CORE_CLOSE && i < AGENTS; i++)
            if (l->sides[i].pump == r.pump) {
                l->sides[i].closed = true;
                l->sides[i].pump = NULL;
                core_closed(l->core, r.pump, CORE_CLOSE_EOF, l->now);
                break;
            }
}

static void run_ms(struct lab *l, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++, l->now++) {
        core_turn(l->core, l->now);
        for (int k = 0; k < AGENTS; k++) {
            if (!l->sides[k].pump)
                continue;
            read_side(l, &l->sides[k]);
            write_side(l, &l->sides[k]);
        }
        take_requests(l);
        while (core_next_pump(l->core))
            ;
    }
}

static struct ip_prefix prefix_of(unsigned i)
{
    return (struct ip_prefix){ .len = 24, .bytes = { 20, (uint8_t)(i >> 8), (uint8_t)i } };
}

static void announce_by(struct lab *l, uint16_t nva, unsigned from, unsigned count)
{
    static const uint8_t canonical[] = { 0x40, BGP_ATTR_ORIGIN, 1, 0, 0x40, BGP_ATTR_AS_PATH,
                                         6,    2, 1, 0, 0, 0xfd, 0xe9 };
    struct rib *r = core_rib(l->core);
    struct bgp_attrs attrs;
    CU_ASSERT_TRUE_FATAL(bgp_attrs_summarise(canonical, sizeof canonical, &attrs));
    attrs.next_hop = (struct ip_addr){ .bytes = { 10, 0, 0, 2 } };
    uint32_t id = bgp_attrs_intern(&r->attrs, &attrs);
    for (unsigned i = from; i < from + count; i++) {
        struct ip_prefix p = prefix_of(i);
        CU_ASSERT_EQUAL_FATAL(rib_announce(r, 1, nva, &p, 0, id), 0);
    }
    bgp_attrs_unref(&r->attrs, id);
}

static void announce(struct lab *l, unsigned from, unsigned count)
{
    announce_by(l, 1, from, count);
}

static void withdraw(struct lab *l, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        struct ip_prefix p = prefix_of(i);
        CU_ASSERT_EQUAL_FATAL(rib_withdraw(core_rib(l->core), 1, 1, &p, 0, l->now), 0);
    }
}

static void set_session(struct lab *l, uint8_t state)
{
    const struct rib_session fact = { .state = state, .generation = 1 };
    CU_ASSERT_EQUAL_FATAL(rib_session_set(core_rib(l->core), 1, 1, &fact, l->now), 0);
}

static void connect_all(struct lab *l)
{
    for (int i = 0; i < AGENTS; i++)
        connect(l, i);
}

static void test_everybody_gets_everything_and_it_is_encoded_once(void)
{
    struct lab *l = lab_open();
    announce(l, 0, ROUTES);
    run_ms(l, 5);
    connect_all(l);
    run_ms(l, 60);
    for (int i = 0; i < AGENTS; i++) {
        CU_ASSERT_EQUAL(l->sides[i].announced, ROUTES);
        CU_ASSERT_EQUAL(l->sides[i].total, ROUTES);
    }
    CU_ASSERT_EQUAL(l->core->table.encoded, 2); /* 4 bytes a prefix, up to 16 KiB a frame */
    lab_close(l);
}

static void test_a_change_is_one_frame_for_all(void)
{
    struct lab *l = lab_open();
    announce(l, 0, ROUTES);
    connect_all(l);
    run_ms(l, 60);
    uint64_t encoded = l->core->table.encoded;
    withdraw(l, 7, 1);
    run_ms(l, 10);
    CU_ASSERT_EQUAL(l->core->table.encoded, encoded + 1);
    for (int i = 0; i < AGENTS; i++) {
        CU_ASSERT_EQUAL(l->sides[i].removed, 1);
        CU_ASSERT_EQUAL(l->sides[i].total, ROUTES - 1);
    }
    encoded = l->core->table.encoded;
    unsigned beats = l->sides[0].beats;
    run_ms(l, 1100);
    CU_ASSERT_EQUAL(l->core->table.encoded, encoded); /* nothing happened, nothing was said … */
    CU_ASSERT_TRUE(l->sides[0].beats >= beats + 4);   /* … but that we live */
    lab_close(l);
}

/* Deletion rule (ii): what comes in its place may stand in a part of a stream that is not here yet. */
static void test_what_goes_waits_for_the_rest_of_a_stream_and_what_is_before_it_does_not(void)
{
    struct lab *l = lab_open();
    struct core *c = l->core;
    core_rib(c)->keep_tombstones = true;
    announce(l, 0, 3);
    connect(l, 0);
    run_ms(l, 20);
    struct core_agent a = *LIST_OF(c->agents.next, struct core_agent, all); /* as it is now */
    CU_ASSERT_EQUAL_FATAL(a.position, vlist_head(&core_rib(c)->loc));
    announce(l, 3, 1);
    run_ms(l, 5);
    withdraw(l, 1, 1);
    run_ms(l, 5);
    struct core_moment now = core_table_moment(c);
    now.holds = true;
    CU_ASSERT_FALSE(core_table_is_held(c, a.position, &now));
    const struct core_frame *f = core_table_frame(c, &a, &now);
    CU_ASSERT_TRUE(f->to == a.position + 1 && !f->cut);
    a.position = f->to;
    CU_ASSERT_TRUE(core_table_is_held(c, a.position, &now));
    now.holds = false;
    CU_ASSERT_FALSE(core_table_is_held(c, a.position, &now));
    CU_ASSERT_TRUE(core_table_frame(c, &a, &now)->cut);
    lab_close(l);
}

/* Deletion rule (ii): what an agent has lost before, or loses by following this node, waits as well. */
static void test_who_has_been_told_everything_hears_that_a_node_is_awaited(void)
{
    struct lab *l = lab_open_of(2);
    struct core_member *m = &l->core->members[2];
    connect(l, 0);
    run_ms(l, 20);
    CU_ASSERT_FALSE(l->sides[0].awaits);
    m->life.state = REPL_MEMBER_ALIVE;
    m->life.heard_ms = m->came_ms = l->now;
    uint32_t cuts = l->sides[0].cuts;
    run_ms(l, 20);
    CU_ASSERT_TRUE(l->sides[0].awaits);
    CU_ASSERT_EQUAL(l->sides[0].cuts, cuts + 1);
    run_ms(l, CORE_AWAIT_MS);
    CU_ASSERT_FALSE(l->sides[0].awaits);
    CU_ASSERT_EQUAL(l->sides[0].cuts, cuts + 2);
    lab_close(l);
}

/* 4.9: the other one has not spoken. */
static void test_before_a_node_has_converged_it_says_who_has_told_it_all(void)
{
    struct lab *l = lab_open();
    connect(l, 0);
    run_ms(l, 20);
    CU_ASSERT_EQUAL(l->sides[0].told, 0);
    set_session(l, RIB_SESSION_SYNCED);
    run_ms(l, 20);
    CU_ASSERT_FALSE(l->core->converged_told);
    CU_ASSERT_EQUAL(l->sides[0].told, 1);
    announce(l, 0, ROUTES); /* in several frames */
    run_ms(l, 60);
    CU_ASSERT_EQUAL(l->sides[0].announced, ROUTES);
    CU_ASSERT_EQUAL(l->sides[0].told, 1);
    set_session(l, RIB_SESSION_GRACE);
    run_ms(l, 20);
    CU_ASSERT_EQUAL(l->sides[0].told, 0);
    lab_close(l);
}

/* A frame that was kept may name a net that is no more: who comes later must not hear of it. */
static void test_a_late_comer_gets_no_route_that_ended(void)
{
    struct lab *l = lab_open();
    announce(l, 0, ROUTES);
    connect(l, 0);
    run_ms(l, 60);
    withdraw(l, 0, 1000);
    run_ms(l, 40000); /* tombstones go, nets are reaped */
    connect(l, 1);
    run_ms(l, 60);
    CU_ASSERT_EQUAL(l->sides[1].announced, ROUTES - 1000);
    CU_ASSERT_EQUAL(l->sides[1].total, ROUTES - 1000);
    lab_close(l);
}

/* It took the pause for our end, and its kernel has the route: only lost, that would be held. */
static void test_who_comes_back_after_a_pause_hears_what_was_withdrawn(void)
{
    struct lab *l = lab_open();
    announce(l, 0, 10);
    run_ms(l, 10);
    l->now += 3000;
    run_ms(l, 1);
    withdraw(l, 7, 1);
    run_ms(l, 500);
    connect(l, 0);
    run_ms(l, 60);
    CU_ASSERT_EQUAL(l->sides[0].announced, 9);
    CU_ASSERT_EQUAL(l->sides[0].removed, 1);
    run_ms(l, 3000);
    CU_ASSERT_EQUAL(prefix_table_count(&core_rib(l->core)->nets), 9);
    lab_close(l);
}

/* Ahead of its routes, which take their time, and in one frame for all; taken back when they have moved. */
static void test_a_lost_nva_is_told_before_its_routes_are(void)
{
    struct lab *l = lab_open();
    set_session(l, RIB_SESSION_SYNCED);
    announce(l, 0, ROUTES);
    connect_all(l);
    run_ms(l, 60);
    uint64_t encoded = l->core->table.encoded;
    set_session(l, RIB_SESSION_DOWN);
    run_ms(l, 4); /* a turn for so many of them */
    for (int i = 0; i < AGENTS; i++)
        CU_ASSERT_EQUAL(l->sides[i].lost, 1);
    run_ms(l, 60);
    for (int i = 0; i < AGENTS; i++) {
        CU_ASSERT_EQUAL(l->sides[i].removed, ROUTES);
        CU_ASSERT_EQUAL(l->sides[i].removed_before_lost, 0);
    }
    CU_ASSERT_TRUE(l->core->table.encoded <= encoded + 8);
    run_ms(l, 11000);
    for (int i = 0; i < AGENTS; i++)
        CU_ASSERT_EQUAL(l->sides[i].lost, 0);
    lab_close(l);
}

/* Its routes are found late in a large table: the frame that tells of the loss has none of them. */
static void test_what_follows_a_frame_without_routes_is_told_too(void)
{
    struct lab *l = lab_open();
    set_session(l, RIB_SESSION_SYNCED);
    announce_by(l, 2, 10, ROUTES);
    announce(l, 0, 10);
    connect(l, 0);
    run_ms(l, 60);
    CU_ASSERT_EQUAL(l->sides[0].announced, ROUTES + 10);
    l->core->sweep_budget = ROUTES / 10;
    set_session(l, RIB_SESSION_DOWN);
    run_ms(l, 1);
    CU_ASSERT_EQUAL(l->sides[0].lost, 1);
    CU_ASSERT_EQUAL(l->sides[0].removed, 0);
    run_ms(l, 60);
    CU_ASSERT_EQUAL(l->sides[0].removed, 10);
    CU_ASSERT_EQUAL(l->sides[0].total, ROUTES);
    lab_close(l);
}

static void test_hosts_that_are_listed_no_more_are_put_out(void)
{
    struct lab *l = lab_open();
    struct core_agent_view v;
    connect_all(l);
    run_ms(l, 60);
    core_set_agents(l->core, l->listed + 1, AGENTS - 1, l->now);
    run_ms(l, 5);
    CU_ASSERT_TRUE(l->sides[0].closed);
    CU_ASSERT_FALSE(l->sides[1].closed);
    CU_ASSERT_EQUAL(core_agent_count(l->core), AGENTS - 1);
    core_agent_view(l->core, 0, &v);
    CU_ASSERT_STRING_EQUAL(v.name, "vm-1");
    CU_ASSERT_TRUE(v.connected && v.synced);
    repl_link_free(l->sides[0].link);
    connect(l, 0); /* its key is unknown now */
    run_ms(l, 20);
    CU_ASSERT_TRUE(l->sides[0].closed);
    core_set_agents(l->core, l->listed, AGENTS, l->now);
    repl_link_free(l->sides[0].link);
    connect(l, 0);
    run_ms(l, 20);
    CU_ASSERT_FALSE(l->sides[0].closed);
    lab_close(l);
}

/* ---- keys and secrets that are exchanged for others ---- */

static void start_again(struct lab *l, int i)
{
    if (l->sides[i].pump)
        core_closed(l->core, l->sides[i].pump, CORE_CLOSE_EOF, l->now);
    repl_link_free(l->sides[i].link);
    connect(l, i);
    run_ms(l, 20);
}

static void set_secrets(struct lab *l, const struct repl_secrets *first, const struct repl_secrets *next)
{
    struct core_keys keys = { .identity = l->keys.ids[1], .agent_secrets = { *first },
                              .agent_secret_count = next ? 2 : 1 };
    if (next)
        keys.agent_secrets[1] = *next;
    core_set_keys(l->core, &keys, l->now);
    run_ms(l, 20);
}

/* The digest of the last beat is that of the table under the side's own secret. */
static bool has_own_digest(const struct lab *l, int i)
{
    const struct rib *r = core_rib(l->core);
    struct repl_digest all;
    uint8_t sum[REPL_DIGEST];
    repl_digest_init(&all, REPL_DIGEST_SUM, l->sides[i].secrets.digest_key);
    for (unsigned n = 0; n < ROUTES; n++) {
        struct ip_prefix p = prefix_of(n);
        uint32_t net = prefix_table_find(&r->nets, &p), set = net ? rib_net_nhset(r, net) : 0;
        if (set)
            repl_digest_add(&all, &p, nhset_get(&r->sets, set));
    }
    repl_digest_write(&all, sum);
    return l->sides[i].has_digest && memcmp(sum, l->sides[i].digest, REPL_DIGEST) == 0;
}

static struct core_agent_view view_of(const struct lab *l, size_t i)
{
    struct core_agent_view v;
    core_agent_view(l->core, i, &v);
    return v;
}

static void test_a_secret_is_exchanged_agent_by_agent_and_each_has_the_digest_under_its_own(void)
{
    struct lab *l = lab_open();
    const struct repl_secrets *old = &l->keys.secrets, *new = &l->keys.other_secrets;
    announce(l, 0, ROUTES);
    run_ms(l, 5);
    connect(l, 0);
    connect(l, 1);
    run_ms(l, 20);
    set_secrets(l, old, new);
    l->sides[1].secrets = *new;
    start_again(l, 1);
    withdraw(l, 7, 1);
    run_ms(l, 20);
    start_again(l, 0);
    run_ms(l, 600);
    CU_ASSERT_FALSE(l->sides[0].closed);
    CU_ASSERT_TRUE(has_own_digest(l, 0));
    CU_ASSERT_TRUE(has_own_digest(l, 1));
    CU_ASSERT_EQUAL(view_of(l, 0).secret_use, CORE_KEY_CURRENT);
    CU_ASSERT_EQUAL(view_of(l, 1).secret_use, CORE_KEY_NEXT);
    CU_ASSERT_EQUAL(view_of(l, 2).secret_use, CORE_KEY_UNKNOWN);
    set_secrets(l, new, NULL);
    CU_ASSERT_TRUE(l->sides[0].closed); /* it was not started again in time */
    CU_ASSERT_FALSE(l->sides[1].closed);
    run_ms(l, 600);
    CU_ASSERT_TRUE(has_own_digest(l, 1));
    CU_ASSERT_EQUAL(view_of(l, 1).secret_use, CORE_KEY_CURRENT);
    start_again(l, 0);
    CU_ASSERT_TRUE(l->sides[0].closed);
    l->sides[2].secrets = *new;
    start_again(l, 2); /* what was encoded for those who had the other one is not for it */
    CU_ASSERT_TRUE(has_own_digest(l, 2));
    lab_close(l);
}

static void test_routes_that_come_while_a_new_digest_is_summed_are_in_it_once(void)
{
    struct lab *l = lab_open();
    announce(l, 0, ROUTES / 2);
    run_ms(l, 5);
    struct core_keys keys = { .identity = l->keys.ids[1], .agent_secrets = { l->keys.other_secrets },
                              .agent_secret_count = 1 };
    core_set_keys(l->core, &keys, l->now);
    l->sides[0].secrets = l->keys.other_secrets;
    connect(l, 0);
    run_ms(l, 20);
    CU_ASSERT_TRUE(l->sides[0].closed); /* not before all is summed */
    announce(l, ROUTES / 2, ROUTES / 2);
    withdraw(l, 0, 10);
    run_ms(l, 20);
    start_again(l, 0);
    run_ms(l, 600);
    CU_ASSERT_FALSE(l->sides[0].closed);
    CU_ASSERT_TRUE(has_own_digest(l, 0));
    lab_close(l);
}

static void test_a_hosts_key_is_exchanged_and_the_host_is_the_same(void)
{
    struct lab *l = lab_open();
    struct repl_identity old = l->sides[0].id, fresh = l->keys.ids[3];
    connect(l, 0);
    run_ms(l, 20);
    l->listed[0].has_next_public_key = true;
    memcpy(l->listed[0].next_public_key, fresh.public_key, REPL_KEY);
    core_set_agents(l->core, l->listed, AGENTS, l->now);
    run_ms(l, 20);
    CU_ASSERT_FALSE(l->sides[0].closed);
    CU_ASSERT_EQUAL(view_of(l, 0).key_use, CORE_KEY_CURRENT);
    l->sides[0].id = fresh;
    start_again(l, 0);
    CU_ASSERT_EQUAL(view_of(l, 0).key_use, CORE_KEY_NEXT);
    l->listed[0].has_next_public_key = false;
    memcpy(l->listed[0].public_key, fresh.public_key, REPL_KEY);
    core_set_agents(l->core, l->listed, AGENTS, l->now);
    run_ms(l, 20);
    CU_ASSERT_FALSE(l->sides[0].closed);
    CU_ASSERT_TRUE(view_of(l, 0).connected);
    CU_ASSERT_EQUAL(view_of(l, 0).key_use, CORE_KEY_CURRENT);
    l->sides[0].id = old;
    start_again(l, 0);
    CU_ASSERT_TRUE(l->sides[0].closed);
    lab_close(l);
}

static void test_a_connection_under_a_key_that_is_listed_no_more_ends(void)
{
    struct lab *l = lab_open();
    connect(l, 0);
    run_ms(l, 20);
    memcpy(l->listed[0].next_public_key, l->listed[0].public_key, REPL_KEY);
    memcpy(l->listed[0].public_key, l->keys.ids[3].public_key, REPL_KEY);
    l->listed[0].has_next_public_key = true;
    core_set_agents(l->core, l->listed, AGENTS, l->now);
    run_ms(l, 20);
    CU_ASSERT_FALSE(l->sides[0].closed);
    l->listed[0].has_next_public_key = false;
    core_set_agents(l->core, l->listed, AGENTS, l->now);
    run_ms(l, 20);
    CU_ASSERT_TRUE(l->sides[0].closed);
    lab_close(l);
}

CU_MAIN("core_agents", CU_CASE(test_everybody_gets_everything_and_it_is_encoded_once),
        CU_CASE(test_a_change_is_one_frame_for_all),
        CU_CASE(test_what_goes_waits_for_the_rest_of_a_stream_and_what_is_before_it_does_not),
        CU_CASE(test_who_has_been_told_everything_hears_that_a_node_is_awaited),
        CU_CASE(test_before_a_node_has_converged_it_says_who_has_told_it_all),
        CU_CASE(test_a_late_comer_gets_no_route_that_ended),
        CU_CASE(test_who_comes_back_after_a_pause_hears_what_was_withdrawn),
        CU_CASE(test_a_lost_nva_is_told_before_its_routes_are),
        CU_CASE(test_what_follows_a_frame_without_routes_is_told_too),
        CU_CASE(test_hosts_that_are_listed_no_more_are_put_out),
        CU_CASE(test_a_secret_is_exchanged_agent_by_agent_and_each_has_the_digest_under_its_own),
        CU_CASE(test_routes_that_come_while_a_new_digest_is_summed_are_in_it_once),
        CU_CASE(test_a_hosts_key_is_exchanged_and_the_host_is_the_same),
        CU_CASE(test_a_connection_under_a_key_that_is_listed_no_more_ends))
