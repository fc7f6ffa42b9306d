/* Two role machines against a model of a target: under random faults F1 to F7 of the design hold. */
#include "replication/fence.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/cu.h"

enum { BEAT_MS = 1000, US = 1, THEM = 2 };

enum { STEP_MS = 10, RUN_MS = 120000, NODES = 2, OWNERS = 4096 };

struct request {
    bool is_sent;
    enum repl_fence_step step;
    bool is_write;
    uint64_t token, epoch, incarnation, arrives_ms;
};

struct node {
    struct repl_fence fence;
    struct repl_fence_world world;
    bool is_alive, is_paused, reaches_target, auth_failed;
    uint64_t incarnation, token, highest_seen;
    uint8_t peer_state;
    uint64_t peer_lost_ms;
    struct request request;
    bool waits;          /* for the answer to request */
    uint64_t gave_up_ms; /* no answer */
    uint8_t last_role;
};

struct model {
    uint64_t seed, now_ms;
    struct repl_fence_record record;
    uint64_t token, beat, highest;
    uint64_t owner_of[OWNERS]; /* epoch -> node << 32 | incarnation */
    uint64_t last_epoch;
    bool is_linked;
    struct node nodes[NODES + 1];
    struct request late[8]; /* sent by a life that is over, or given up: still on its way */
    uint32_t faults, role_changes, writes, takeovers;
    const char *broken;
};

static uint64_t chance(struct model *m, uint64_t below)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return m->seed % below;
}

static void require(struct model *m, bool ok, const char *name)
{
    if (!ok && !m->broken)
        m->broken = name;
}

/* The target's side: compares and swaps, and checks what it accepts. */
static bool accept_request(struct model *m, uint32_t id, const struct request *r)
{
    if (r->step == REPL_FENCE_READ)
        return true;
    if (r->token != m->token)
        return false;
    if (r->step == REPL_FENCE_TAKE) {
        require(m, r->epoch == m->highest + 1, "F3 and F7: one above every epoch");
        require(m, !m->owner_of[r->epoch], "F2: one owner an epoch");
        m->owner_of[r->epoch] = (uint64_t)id << 32 | r->incarnation;
        m->record = (struct repl_fence_record){ r->epoch, id, r->incarnation };
        m->highest = r->epoch;
        m->token++;
        m->takeovers++;
    } else {
        require(m,
                r->epoch == m->record.epoch && m->record.owner == id &&
                    m->record.incarnation == r->incarnation,
                "F3: by the owner");
        m->beat += r->step == REPL_FENCE_BEAT;
        m->writes++;
    }
    require(m, r->epoch >= m->last_epoch, "F1: epochs never fall");
    m->last_epoch = r->epoch;
    return true;
}

static void read_answer(struct model *m, struct node *n)
{
    n->token = m->token;
    repl_fence_remember(&n->fence, m->highest, m->now_ms); /* it stands beside the record as well */
    if (m->record.epoch > n->highest_seen)
        n->highest_seen = m->record.epoch;
}

static void answer(struct model *m, struct node *n, const struct request *r, bool ok)
{
    const struct repl_fence_record *record = m->record.epoch ? &m->record : NULL;
    n->waits = false;
    read_answer(m, n);
    if (r->step == REPL_FENCE_READ) {
        repl_fence_seen(&n->fence, record, m->now_ms);
        repl_fence_beat_seen(&n->fence, m->beat, m->now_ms);
    } else if (!ok) {
        repl_fence_refused(&n->fence, record, m->now_ms);
    } else if (r->step == REPL_FENCE_TAKE) {
        repl_fence_took(&n->fence, r->epoch, m->now_ms);
    }
}

static void send(struct model *m, uint32_t id, enum repl_fence_step step, bool is_write)
{
    struct node *n = &m->nodes[id];
    uint64_t epoch = step == REPL_FENCE_TAKE ? repl_fence_next_epoch(&n->fence) : n->fence.epoch;
    if (step != REPL_FENCE_READ)
        require(m, epoch >= n->highest_seen, "F4: nothing below what was seen");
    n->request = (struct request){ .is_sent = n->reaches_target,
                                   .step = step,
                                   .is_write = is_write,
                                   .token = n->token,
                                   .epoch = epoch,
                                   .incarnation = n->incarnation,
                                   .arrives_ms = m->now_ms + chance(m, 5) * STEP_MS };
    n->waits = true;
    n->gave_up_ms = m->now_ms + 500;
}

static void put_on_its_way(struct model *m, uint32_t id, struct request *r)
{
    for (size_t i = 0; r->is_sent && i < sizeof m->late / sizeof *m->late; i++)
        if (!m->late[i].is_sent) {
            m->late[i] = *r;
            m->late[i].arrives_ms = m->now_ms + chance(m, 300) * STEP_MS;
            m->late[i].is_write = id == THEM; /* whose it was */
            r->is_sent = false;
            return;
        }
    r->is_sent = false;
}

static void deliver(struct model *m)
{
    for (size_t i = 0; i < sizeof m->late / sizeof *m->late; i++)
        if (m->late[i].is_sent && m->now_ms >= m->late[i].arrives_ms) {
            accept_request(m, m->late[i].is_write ? THEM : US, &m->late[i]);
            m->late[i].is_sent = false;
        }
    for (uint32_t id = 1; id <= NODES; id++) {
        struct node *n = &m->nodes[id];
        struct request *r = &n->request;
        if (!r->is_sent || m->now_ms < r->arrives_ms)
            continue;
        r->is_sent = false;
        bool ok = accept_request(m, id, r);
        if (n->waits && n->is_alive && !n->is_paused &&
            chance(m, 20)) /* one answer in twenty is lost */
            answer(m, n, r, ok);
    }
}

/* The detector: dead 300 ms after the link broke, or at once when its process is gone. */
static void detect(struct model *m, struct node *n, const struct node *other)
{
    bool hears = m->is_linked && other->is_alive && !other->is_paused;
    if (hears && n->auth_failed) {
        n->peer_state = REPL_MEMBER_AUTH_FAILED;
    } else if (hears) {
        n->peer_state = REPL_MEMBER_ALIVE;
        n->peer_lost_ms = m->now_ms;
        n->world.peers[other->fence.cfg.self].incarnation = other->incarnation;
        n->world.peers[other->fence.cfg.self].yielded_epoch = repl_fence_yielded(&other->fence);
    } else if (m->is_linked && !other->is_alive) {
        n->peer_state = REPL_MEMBER_DEAD;
    } else if (n->peer_state != REPL_MEMBER_AUTH_FAILED && m->now_ms >= n->peer_lost_ms + 300) {
        n->peer_state = REPL_MEMBER_DEAD;
    }
}

static void run_node(struct model *m, uint32_t id)
{
    struct node *n = &m->nodes[id], *other = &m->nodes[3 - id];
    if (!n->is_alive || n->is_paused)
        return;
    detect(m, n, other);
    n->world.incarnation = n->incarnation;
    n->world.is_awake = n->world.is_steady = true;
    n->world.peers[3 - id].state = n->peer_state;
    repl_fence_tick(&n->fence, &n->world, m->now_ms);
    if (n->waits && m->now_ms >= n->gave_up_ms) {
        n->waits = false;
        put_on_its_way(m, id, &n->request);
        repl_fence_unreadable(&n->fence, m->now_ms);
    }
    if (!n->waits) {
        enum repl_fence_step step = repl_fence_next(&n->fence, m->now_ms);
        if (step != REPL_FENCE_NOTHING)
            send(m, id, step, false);
        else if (repl_fence_may_write(&n->fence) && chance(m, 10) == 0)
            send(m, id, REPL_FENCE_NOTHING, true);
    }
    m->role_changes += n->fence.role == REPL_ACTIVE && n->last_role != REPL_ACTIVE;
    n->last_role = n->fence.role;
}

static void birth(struct model *m, uint32_t id)
{
    struct node *n = &m->nodes[id];
    struct repl_fence_cfg cfg = {
        .self = id, .nodes = NODES, .beat_ms = BEAT_MS, .seed = chance(m, UINT32_MAX)
    };
    put_on_its_way(m, id, &n->request);
    uint64_t incarnation = n->incarnation + 1;
    *n = (struct node){ .is_alive = true,
                        .reaches_target = true,
                        .incarnation = incarnation,
                        .peer_lost_ms = m->now_ms };
    repl_fence_init(&n->fence, &cfg, m->now_ms);
}

static void death(struct model *m, uint32_t id)
{
    m->nodes[id].is_alive = m->nodes[id].waits = false;
    put_on_its_way(m, id, &m->nodes[id].request);
}

static void fault(struct model *m)
{
    uint32_t id = 1 + (uint32_t)chance(m, NODES);
    struct node *n = &m->nodes[id];
    m->faults++;
    switch (chance(m, 6)) {
    case 0:
        n->is_alive ? death(m, id) : birth(m, id);
        break;
    case 1:
        m->is_linked = !m->is_linked;
        break;
    case 2:
        n->reaches_target = !n->reaches_target;
        break;
    case 3:
        if (n->is_paused)
            repl_fence_woke(&n->fence);
        n->is_paused = !n->is_paused;
        break;
    case 4:
        n->auth_failed = !n->auth_failed;
        break;
    default: /* somebody deletes or damages the record */
        m->record =
            chance(m, 2) ? (struct repl_fence_record){ 0 } : (struct repl_fence_record){ 1, US, 1 };
        m->token++;
    }
}

static void heal(struct model *m)
{
    m->is_linked = true;
    for (uint32_t id = 1; id <= NODES; id++) {
        struct node *n = &m->nodes[id];
        if (!n->is_alive)
            birth(m, id);
        if (n->is_paused)
            repl_fence_woke(&n->fence);
        n->is_paused = n->auth_failed = false;
        n->reaches_target = true;
    }
}

static void model_open(struct model *m, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    m->seed = seed * 0x9e3779b97f4a7c15u + 1;
    m->is_linked = true;
    birth(m, US);
    birth(m, THEM);
}

static void advance(struct model *m, uint64_t until_ms)
{
    for (; m->now_ms < until_ms; m->now_ms += STEP_MS) {
        deliver(m);
        run_node(m, US);
        run_node(m, THEM);
    }
}

static void test_random_faults_break_no_rule_of_the_fence_and_healing_gives_one_owner(void)
{
    static struct model m;
    uint32_t writes = 0, takeovers = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        model_open(&m, seed);
        for (uint64_t at = 1000; at < RUN_MS; at += 200 + chance(&m, 8000)) {
            advance(&m, at);
            fault(&m);
        }
        heal(&m);
        advance(&m, m.now_ms + 200000);
        int active =
            (m.nodes[US].fence.role == REPL_ACTIVE) + (m.nodes[THEM].fence.role == REPL_ACTIVE);
        require(&m, active == 1, "one owner after healing");
        require(&m, m.highest < OWNERS, "epochs stay few");
        if (m.broken) {
            printf("seed %llu: %s\n", (unsigned long long)seed, m.broken);
            CU_FAIL("an invariant of the fence is broken");
            return;
        }
        writes += m.writes;
        takeovers += m.takeovers;
    }
    CU_ASSERT_TRUE(takeovers > 500); /* the schedules do something */
    CU_ASSERT_TRUE(writes > 5000);
}

/* F5: a partition, both reach the target: one change of roles, no duel. */
static void test_a_partition_changes_the_owner_once(void)
{
    static struct model m;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        model_open(&m, seed);
        advance(&m, 5000);
        CU_ASSERT_EQUAL(m.role_changes, 1);
        m.is_linked = false;
        advance(&m, 200000);
        CU_ASSERT_EQUAL(m.role_changes, 2);
        m.is_linked = true;
        advance(&m, 400000);
        CU_ASSERT_EQUAL(m.role_changes, 2);
        CU_ASSERT_PTR_NULL(m.broken);
    }
}

/* F6, on both sides at once. */
static void test_failed_authentication_changes_no_owner(void)
{
    static struct model m;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        model_open(&m, seed);
        advance(&m, 5000);
        m.nodes[US].auth_failed = m.nodes[THEM].auth_failed = true;
        advance(&m, 200000);
        CU_ASSERT_EQUAL(m.role_changes, 1);
    }
}

CU_MAIN("fence-model",
        CU_CASE(test_random_faults_break_no_rule_of_the_fence_and_healing_gives_one_owner),
        CU_CASE(test_a_partition_changes_the_owner_once),
        CU_CASE(test_failed_authentication_changes_no_owner))
