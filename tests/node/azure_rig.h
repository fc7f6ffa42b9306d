/* Up to two nodes with their programs and azure machines, one resource manager, and virtual time.
 * Requests take their time on the way there and back; a node that is killed leaves its request on the way. */
#ifndef TANDEM_TESTS_AZURE_RIG_H
#define TANDEM_TESTS_AZURE_RIG_H

#include "node/base/memory.h"
#include "tests/node/fake_arm.h"

enum { RIG_PREFIXES = 48, RIG_FLIGHTS = 8, RIG_CONVERGE_MS = 2000, RIG_HOLD_MS = 60000 };

struct rig_node {
    bool is_up, is_paused;
    bool was_fed, has_converged;
    uint64_t started_ms, ended_ms, incarnation;
    struct nhset_table sets;
    struct prefix_table prefixes;
    struct program *program;
    struct azure_bucket bucket;
    struct repl_fence fence;
    uint8_t told_role;
    struct azure_machine *m;
    unsigned flight; /* 1 + its place among flights, 0 = none */
};

struct rig_flight {
    bool is_used, has_arrived;
    unsigned owner; /* node, 2 = dead: nobody waits for the answer */
    uint64_t arrive_ms, answer_ms;
    struct azure_request q;
    struct fake_reply reply;
};

struct rig {
    uint64_t now, seed, requests, latency_ms;
    struct config config;
    struct fake_arm arm;
    struct rig_node nodes[2];
    struct rig_flight flights[RIG_FLIGHTS];
    uint8_t truth[RIG_PREFIXES];        /* bits of next hops, 0 = withdrawn */
    uint64_t absent_ms[RIG_PREFIXES];   /* when it was last not in truth */
    struct azure_machine_cfg like;      /* for the next machines */
    const char *last_state[2];
};

static inline void rig_on_event(void *data, const char *name, bool is_good, const char *text)
{
    (void)is_good, (void)text;
    *(const char **)data = name;
}

static inline void rig_init(struct rig *r, const char *table, unsigned nodes)
{
    memset(r, 0, sizeof *r);
    r->now = 1000000;
    r->seed = 1;
    r->latency_ms = 10;
    fake_arm_init(&r->arm, table);
    snprintf(r->config.name, sizeof r->config.name, "hub");
    r->config.node_count = nodes;
    for (unsigned i = 0; i < 2; i++) {
        r->config.nodes[i].id = i + 1;
        snprintf(r->config.nodes[i].name, sizeof r->config.nodes[i].name, "rs-%c", 'a' + (int)i);
    }
    r->like = (struct azure_machine_cfg){ .config = &r->config,
                                          .endpoint = FAKE_ENDPOINT,
                                          .resource_id = FAKE_ID,
                                          .api_version = AZURE_ECMP_VERSION,
                                          .identity = { .endpoint = "http://imds",
                                                        .audience = FAKE_ENDPOINT "/" },
                                          .max_routes = 400,
                                          .read_ms = 60000,
                                          .timeout_ms = 5000,
                                          .on_event = rig_on_event };
}

static inline const char *rig_nva_of(void *data, uint32_t prefix)
{
    (void)data, (void)prefix;
    return "fw-1";
}

static inline void rig_start(struct rig *r, unsigned i)
{
    struct rig_node *n = &r->nodes[i];
    struct azure_machine_cfg cfg = r->like;
    uint64_t incarnation = n->incarnation + 1;
    *n = (struct rig_node){ .is_up = true, .started_ms = r->now, .incarnation = incarnation };
    nhset_table_init(&n->sets, (struct hash_key){ 1, 2 });
    prefix_table_init(&n->prefixes, (struct hash_key){ 3, 4 }, sizeof(uint32_t));
    n->program = program_new(&program_defaults, &n->sets);
    azure_bucket_init(&n->bucket, r->now);
    program_hold_hearsay(n->program, UINT64_MAX, r->now);
    repl_fence_init(&n->fence,
                    &(struct repl_fence_cfg){ .self = i + 1,
                                              .nodes = (uint32_t)r->config.node_count,
                                              .beat_ms = 30000,
                                              .seed = r->seed },
                    r->now);
    cfg.fence = &n->fence;
    cfg.self = i + 1;
    cfg.seed = r->seed + i;
    cfg.prefixes = &n->prefixes;
    cfg.sets = &n->sets;
    cfg.program = n->program;
    cfg.bucket = &n->bucket;
    cfg.nva_of = rig_nva_of;
    cfg.data = &r->last_state[i];
    n->m = azure_machine_new(&cfg, r->now);
}

static inline void rig_kill(struct rig *r, unsigned i)
{
    struct rig_node *n = &r->nodes[i];
    if (!n->is_up)
        return;
    azure_machine_free(n->m);
    program_free(n->program);
    CU_ASSERT_EQUAL(n->sets.sets.count, 0); /* every reference was given back */
    nhset_table_fini(&n->sets);
    prefix_table_fini(&n->prefixes);
    if (n->flight)
        r->flights[n->flight - 1].owner = 2;
    n->is_up = false;
    n->flight = 0;
    n->ended_ms = r->now;
}

static inline void rig_fini(struct rig *r)
{
    rig_kill(r, 0);
    rig_kill(r, 1);
    for (unsigned i = 0; i < RIG_FLIGHTS; i++) {
        azure_request_fini(&r->flights[i].q);
        free(r->flights[i].reply.body);
    }
    fake_arm_fini(&r->arm);
}

/* ---- wishes ---- */

static inline struct ip_prefix rig_prefix(unsigned i)
{
    return (struct ip_prefix){ .len = 16, .bytes = { 10, (uint8_t)i } };
}

static inline uint32_t rig_set(struct rig_node *n, unsigned bits)
{
    struct ip_addr members[8];
    uint32_t count = 0;
    bool nomem;
    for (unsigned i = 0; i < 8; i++)
        if (bits >> i & 1)
            members[count++] = (struct ip_addr){ .bytes = { 10, 1, 2, (uint8_t)(4 + i) } };
    return nhset_intern(&n->sets, members, count, &nomem);
}

static inline void rig_tell(struct rig *r, struct rig_node *n, unsigned i)
{
    struct ip_prefix prefix = rig_prefix(i);
    uint32_t set = rig_set(n, r->truth[i]);
    uint32_t index = set ? prefix_table_get(&n->prefixes, &prefix)
                         : prefix_table_find(&n->prefixes, &prefix);
    if (index && program_want(n->program, index, set, PROGRAM_WITHDRAWN, r->now))
        abort();
    nhset_unref(&n->sets, set);
}

/* Both nodes hear it at the same time. */
static inline void rig_want(struct rig *r, unsigned i, uint8_t bits)
{
    if (!r->truth[i])
        r->absent_ms[i] = r->now;
    r->truth[i] = bits;
    for (unsigned k = 0; k < 2; k++)
        if (r->nodes[k].is_up && r->nodes[k].was_fed)
            rig_tell(r, &r->nodes[k], i);
}

static inline void rig_feed(struct rig *r, struct rig_node *n)
{
    struct azure_status s;
    azure_machine_status(n->m, &s);
    if (!n->was_fed && s.was_read) {
        n->was_fed = true;
        program_set_heard(n->program, true, r->now);
        for (unsigned i = 0; i < RIG_PREFIXES; i++)
            rig_tell(r, n, i);
    }
    if (n->was_fed && !n->has_converged && r->now >= n->started_ms + RIG_CONVERGE_MS) {
        n->has_converged = true;
        program_converged(n->program, r->now);
    }
}

/* ---- time ---- */

static inline void rig_world(struct rig *r, unsigned i)
{
    struct rig_node *n = &r->nodes[i], *other = &r->nodes[1 - i];
    struct repl_fence_world w = { .incarnation = n->incarnation,
                                  .is_awake = true,
                                  .is_steady = n->has_converged };
    struct repl_fence_peer *p = &w.peers[2 - i];
    bool is_silent = !other->is_up || other->is_paused;
    p->state = !is_silent                       ? REPL_MEMBER_ALIVE
               : r->now >= other->ended_ms + 300 ? REPL_MEMBER_DEAD
                                                 : REPL_MEMBER_SUSPECT;
    p->is_steady = other->has_converged;
    p->reads_target = true;
    p->incarnation = other->incarnation;
    repl_fence_tick(&n->fence, &w, r->now);
    bool is_ours = n->fence.role == REPL_ACTIVE;
    if (is_ours != (n->told_role == REPL_ACTIVE))
        program_hold_hearsay(n->program, is_ours ? r->now + RIG_HOLD_MS : UINT64_MAX, r->now);
    n->told_role = n->fence.role;
}

static inline void rig_take_off(struct rig *r, unsigned i, const struct azure_request *q)
{
    unsigned slot = 0;
    while (r->flights[slot].is_used)
        slot++;
    assert(slot < RIG_FLIGHTS);
    struct rig_flight *f = &r->flights[slot];
    *f = (struct rig_flight){ .is_used = true, .owner = i };
    f->arrive_ms = r->now + 1 + fake_chance(&r->seed, (uint32_t)r->latency_ms);
    f->q = (struct azure_request){ .method = q->method, .len = q->len, .timeout_ms = q->timeout_ms };
    f->q.url = strdup(q->url);
    f->q.body = q->body ? strdup(q->body) : NULL;
    for (char *const *h = q->headers; *h; h++)
        azure_request_header(&f->q, "%s", *h);
    r->nodes[i].flight = slot + 1;
    r->requests++;
}

static inline void rig_land(struct rig *r, struct rig_flight *f)
{
    if (f->owner < 2) {
        r->nodes[f->owner].flight = 0;
        azure_machine_answer(r->nodes[f->owner].m, &f->reply.answer, r->now);
    }
    azure_request_fini(&f->q);
    free(f->reply.body);
    *f = (struct rig_flight){ 0 };
}

static inline void rig_fly(struct rig *r, struct rig_flight *f)
{
    if (!f->has_arrived && r->now >= f->arrive_ms) {
        f->has_arrived = true;
        fake_arm_take(&r->arm, &f->q, r->now, &f->reply);
        f->answer_ms = r->now + 1 + f->reply.delay_ms + fake_chance(&r->seed, (uint32_t)r->latency_ms);
    }
    bool is_waited_for = f->owner == 2 || !r->nodes[f->owner].is_paused;
    if (f->has_arrived && r->now >= f->answer_ms && is_waited_for)
        rig_land(r, f);
}

static inline void rig_turn(struct rig *r, unsigned i)
{
    struct rig_node *n = &r->nodes[i];
    const struct azure_request *q;
    if (!n->is_up || n->is_paused)
        return;
    rig_world(r, i);
    rig_feed(r, n);
    if (!n->flight && (q = azure_machine_next(n->m, r->now)))
        rig_take_off(r, i, q);
}

static inline uint64_t rig_due(const struct rig *r, uint64_t until)
{
    uint64_t due = until;
    for (unsigned i = 0; i < RIG_FLIGHTS; i++) {
        const struct rig_flight *f = &r->flights[i];
        uint64_t at = !f->is_used ? UINT64_MAX : f->has_arrived ? f->answer_ms : f->arrive_ms;
        if (at < due && !(f->owner < 2 && r->nodes[f->owner].is_paused && f->has_arrived))
            due = at;
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct rig_node *n = &r->nodes[i];
        uint64_t at = n->is_up && !n->is_paused ? azure_machine_deadline(n->m) : UINT64_MAX;
        due = at < due ? at : due;
        if (n->is_up && !n->has_converged && r->now + 100 < due)
            due = r->now + 100;
    }
    if (due > r->now + 250)
        due = r->now + 250; /* what nodes believe of each other changes, too */
    return due > r->now ? due : r->now + 1;
}

static inline void rig_run(struct rig *r, uint64_t ms)
{
    for (uint64_t until = r->now + ms; r->now < until; r->now = rig_due(r, until)) {
        for (unsigned i = 0; i < RIG_FLIGHTS; i++)
            if (r->flights[i].is_used)
                rig_fly(r, &r->flights[i]);
        rig_turn(r, 0);
        rig_turn(r, 1);
    }
}

/* ---- what is to be seen ---- */

static inline const char *rig_state(const struct rig *r, unsigned i)
{
    struct azure_status s;
    azure_machine_status(r->nodes[i].m, &s);
    return azure_state_name(s.state);
}

static inline struct azure_status rig_status(const struct rig *r, unsigned i)
{
    struct azure_status s;
    azure_machine_status(r->nodes[i].m, &s);
    return s;
}

/* The bits of the next hops that the table has for every prefix, 0 = none. */
static inline void rig_shown_all(const struct rig *r, uint8_t bits[static RIG_PREFIXES])
{
    struct nhset_table sets;
    struct azure_table t = { .sets = &sets };
    nhset_table_init(&sets, (struct hash_key){ 5, 6 });
    memset(bits, 0, RIG_PREFIXES);
    char *text = r->arm.document ? json_dumps(r->arm.document, 0) : NULL;
    if (text && az_read(&t, text))
        for (size_t i = 0; i < t.count; i++) {
            const struct nhset *set = nhset_get(&sets, t.routes[i].nhset);
            for (uint32_t k = 0; k < set->count && t.routes[i].prefix.bytes[1] < RIG_PREFIXES; k++)
                bits[t.routes[i].prefix.bytes[1]] |= (uint8_t)(1u << (set->members[k].bytes[3] - 4));
        }
    free(text);
    azure_table_fini(&t);
    nhset_table_fini(&sets);
}

static inline unsigned rig_shown(const struct rig *r, unsigned i)
{
    uint8_t bits[RIG_PREFIXES];
    rig_shown_all(r, bits);
    return bits[i];
}

/* How many prefixes the table has otherwise than they are wanted. */
static inline unsigned rig_differences(const struct rig *r)
{
    uint8_t bits[RIG_PREFIXES];
    unsigned count = 0;
    rig_shown_all(r, bits);
    for (unsigned i = 0; i < RIG_PREFIXES; i++)
        count += bits[i] != r->truth[i];
    return count;
}

#endif
