/* The role machine by itself, then two of them against a model of a target under random faults. */
#include "replication/fence.h"

#include <assert.h>
#include <string.h>

#include "tests/lib/cu.h"

enum { BEAT_MS = 1000, US = 1, THEM = 2 };

static struct repl_fence machine(uint32_t nodes)
{
    struct repl_fence f;
    struct repl_fence_cfg cfg = { .self = US, .nodes = nodes, .beat_ms = BEAT_MS, .seed = 7 };
    repl_fence_init(&f, &cfg, 0);
    return f;
}

static struct repl_fence_world world_of(uint8_t state)
{
    struct repl_fence_world w = { .incarnation = 10, .is_awake = true, .is_steady = true };
    for (int i = 0; i <= REPL_NODES_MAX; i++)
        w.peers[i] =
            (struct repl_fence_peer){ .state = state, .incarnation = 20, .is_steady = true };
    return w;
}

static const struct repl_fence_record theirs = { .epoch = 5, .owner = THEM, .incarnation = 20 };

/* A machine that has read `r` and lives beside a node in `state`. */
static struct repl_fence beside(uint8_t state, const struct repl_fence_record *r)
{
    struct repl_fence f = machine(2);
    struct repl_fence_world w = world_of(state);
    repl_fence_tick(&f, &w, 0);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 0), REPL_FENCE_READ);
    repl_fence_seen(&f, r, 0);
    repl_fence_tick(&f, &w, 1);
    return f;
}

static void tick(struct repl_fence *f, uint8_t state, uint64_t now_ms)
{
    struct repl_fence_world w = world_of(state);
    repl_fence_tick(f, &w, now_ms);
}

static struct repl_fence active(void)
{
    struct repl_fence f = beside(REPL_MEMBER_ALIVE, NULL);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 1), REPL_FENCE_TAKE);
    repl_fence_took(&f, repl_fence_next_epoch(&f), 2);
    tick(&f, REPL_MEMBER_ALIVE, 3);
    CU_ASSERT_EQUAL(f.role, REPL_ACTIVE);
    return f;
}

/* ---- when to stand ---- */

static void test_nothing_is_done_before_the_target_was_read(void)
{
    struct repl_fence f = machine(2);
    tick(&f, REPL_MEMBER_DEAD, 0);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    CU_ASSERT_FALSE(repl_fence_may_write(&f));
    CU_ASSERT_EQUAL(repl_fence_next(&f, 0), REPL_FENCE_READ);
}

static void test_a_target_without_a_record_is_taken_with_epoch_1(void)
{
    struct repl_fence f = beside(REPL_MEMBER_ALIVE, NULL);
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
    CU_ASSERT_EQUAL(repl_fence_next_epoch(&f), 1);
    f = active();
    CU_ASSERT_TRUE(repl_fence_may_write(&f));
    CU_ASSERT_EQUAL(f.epoch, 1);
}

static void test_who_stands_beside_the_owner(void)
{
    static const struct {
        uint8_t state, role;
    } rows[] = {
        { REPL_MEMBER_UNKNOWN, REPL_STANDBY },     { REPL_MEMBER_ALIVE, REPL_STANDBY },
        { REPL_MEMBER_SUSPECT, REPL_STANDBY },     { REPL_MEMBER_DEAD, REPL_CANDIDATE },
        { REPL_MEMBER_AUTH_FAILED, REPL_STANDBY }, { REPL_MEMBER_LEFT, REPL_CANDIDATE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct repl_fence f = beside(rows[i].state, &theirs);
        CU_ASSERT_EQUAL(f.role, rows[i].role);
    }
}

static void test_a_dead_owner_is_followed_at_once_by_one_swap(void)
{
    struct repl_fence f = beside(REPL_MEMBER_ALIVE, &theirs);
    tick(&f, REPL_MEMBER_DEAD, 100);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 100), REPL_FENCE_TAKE);
    CU_ASSERT_EQUAL(repl_fence_next_epoch(&f), 6);
}

static void test_an_owner_that_was_born_again_owns_nothing(void)
{
    struct repl_fence f = beside(REPL_MEMBER_ALIVE, &theirs);
    struct repl_fence_world w = world_of(REPL_MEMBER_ALIVE);
    w.peers[THEM].incarnation = 21;
    repl_fence_tick(&f, &w, 10);
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
}

static void test_a_node_that_has_not_converged_lets_a_steady_one_go_first(void)
{
    struct repl_fence f = beside(REPL_MEMBER_ALIVE, &theirs);
    struct repl_fence_world w = world_of(REPL_MEMBER_ALIVE);
    w.peers[THEM].incarnation = 21;
    w.is_steady = false;
    repl_fence_tick(&f, &w, 10);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 1009), REPL_FENCE_NOTHING);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 1010), REPL_FENCE_TAKE);
}

static void test_of_three_nodes_the_lowest_living_id_goes_first(void)
{
    struct repl_fence f;
    struct repl_fence_cfg cfg = { .self = 3, .nodes = 4, .beat_ms = BEAT_MS };
    struct repl_fence_world w = world_of(REPL_MEMBER_ALIVE);
    w.peers[4].state = REPL_MEMBER_DEAD;
    repl_fence_init(&f, &cfg, 0);
    repl_fence_tick(&f, &w, 0);
    repl_fence_seen(&f, &(struct repl_fence_record){ 9, 4, 20 }, 0);
    repl_fence_tick(&f, &w, 0);
    CU_ASSERT_EQUAL(repl_fence_deadline(&f), 100);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 99), REPL_FENCE_NOTHING);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 100), REPL_FENCE_TAKE);
}

static void test_an_older_configuration_never_takes_and_yields_what_it_has(void)
{
    struct repl_fence f = beside(REPL_MEMBER_LEFT, &theirs);
    struct repl_fence_world w = world_of(REPL_MEMBER_ALIVE);
    w.peers[THEM].config_generation = 2;
    w.peers[THEM].yielded_epoch = 5;
    repl_fence_tick(&f, &w, 10);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    f = active();
    repl_fence_tick(&f, &w, 10);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    CU_ASSERT_EQUAL(repl_fence_yielded(&f), 1);
}

static void test_an_owner_that_yields_is_followed_and_does_not_come_back(void)
{
    struct repl_fence f = active();
    CU_ASSERT_TRUE(repl_fence_yield(&f, 100));
    CU_ASSERT_FALSE(repl_fence_yield(&f, 100));
    tick(&f, REPL_MEMBER_ALIVE, 9000);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    tick(&f, REPL_MEMBER_ALIVE, 10100); /* nobody wanted it */
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);

    f = beside(REPL_MEMBER_ALIVE, &theirs);
    struct repl_fence_world w = world_of(REPL_MEMBER_ALIVE);
    w.peers[THEM].yielded_epoch = 5;
    repl_fence_tick(&f, &w, 10);
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
}

static void test_no_failback_when_the_old_owner_is_heard_again(void)
{
    struct repl_fence f = beside(REPL_MEMBER_ALIVE, &theirs);
    tick(&f, REPL_MEMBER_DEAD, 100);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 100), REPL_FENCE_TAKE);
    repl_fence_took(&f, 6, 101);
    for (uint64_t t = 200; t < 100000; t += 1000)
        tick(&f, REPL_MEMBER_ALIVE, t);
    CU_ASSERT_EQUAL(f.role, REPL_ACTIVE);
}

/* ---- fenced ---- */

static void test_a_refused_write_fences_and_the_back_off_doubles(void)
{
    struct repl_fence f = active();
    uint64_t now = 1000, quiet[8];
    for (uint64_t i = 0; i < 8; i++) {
        struct repl_fence_record r = { .epoch = 10 + i * 2, .owner = THEM, .incarnation = 20 };
        repl_fence_refused(&f, &r, now);
        CU_ASSERT_EQUAL(f.role, REPL_FENCED);
        CU_ASSERT_FALSE(repl_fence_may_write(&f));
        quiet[i] = f.quiet_until_ms - now;
        now = f.quiet_until_ms;
        tick(&f, REPL_MEMBER_LEFT, now - 1);
        CU_ASSERT_EQUAL(f.role, REPL_FENCED);
        tick(&f, REPL_MEMBER_LEFT, now);
        CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
        CU_ASSERT_EQUAL(repl_fence_next(&f, now), REPL_FENCE_TAKE);
        repl_fence_took(&f, r.epoch + 1, now);
    }
    for (int i = 0; i < 8; i++) {
        uint64_t base = i < 6 ? 1000u << i : 60000;
        CU_ASSERT_TRUE(quiet[i] >= base && quiet[i] < base + base / 4);
    }
    now += 300000;
    repl_fence_refused(&f, &(struct repl_fence_record){ 90, THEM, 20 }, now);
    CU_ASSERT_TRUE(f.quiet_until_ms - now < 1250); /* forgotten */
}

static void test_a_fenced_node_watches_the_beat_of_an_owner_that_it_does_not_hear(void)
{
    struct repl_fence f = active();
    tick(&f, REPL_MEMBER_DEAD, 100);
    repl_fence_refused(&f, &theirs, 100);
    uint64_t beat = 0, now = 100;
    for (; now < 60000; now += 500) {
        tick(&f, REPL_MEMBER_DEAD, now);
        CU_ASSERT_EQUAL(f.role, REPL_FENCED);
        if (repl_fence_next(&f, now) != REPL_FENCE_READ)
            continue;
        repl_fence_seen(&f, &theirs, now);
        repl_fence_beat_seen(&f, ++beat, now);
    }
    tick(&f, REPL_MEMBER_DEAD, f.beat_changed_ms + 3 * BEAT_MS - 1);
    CU_ASSERT_EQUAL(f.role, REPL_FENCED);
    tick(&f, REPL_MEMBER_DEAD, f.beat_changed_ms + 3 * BEAT_MS);
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
}

static void test_a_fenced_node_that_hears_the_owner_is_on_standby_again(void)
{
    struct repl_fence f = active();
    repl_fence_refused(&f, &theirs, 100);
    tick(&f, REPL_MEMBER_ALIVE, 200);
    CU_ASSERT_EQUAL(f.role, REPL_FENCED);
    tick(&f, REPL_MEMBER_ALIVE, 2000);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    CU_ASSERT_EQUAL(repl_fence_deadline(&f), UINT64_MAX);
}

static void test_an_owner_that_fails_to_authenticate_is_left_alone_while_it_beats(void)
{
    struct repl_fence f = beside(REPL_MEMBER_AUTH_FAILED, &theirs);
    uint64_t beat = 0;
    for (uint64_t now = 500; now < 60000; now += 500) {
        tick(&f, REPL_MEMBER_AUTH_FAILED, now);
        CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
        if (repl_fence_next(&f, now) == REPL_FENCE_READ) {
            repl_fence_seen(&f, &theirs, now);
            repl_fence_beat_seen(&f, ++beat, now);
        }
    }
    tick(&f, REPL_MEMBER_AUTH_FAILED, 70000); /* silent in the target too */
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
}

static void test_an_owner_beats_only_while_it_does_not_hear_everybody(void)
{
    struct repl_fence f = active();
    tick(&f, REPL_MEMBER_ALIVE, 5000);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 5000), REPL_FENCE_NOTHING);
    tick(&f, REPL_MEMBER_LEFT, 5000);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 5000), REPL_FENCE_NOTHING);
    tick(&f, REPL_MEMBER_AUTH_FAILED, 5000);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 5000), REPL_FENCE_BEAT);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 5999), REPL_FENCE_NOTHING);
    CU_ASSERT_EQUAL(repl_fence_deadline(&f), 6000);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 6000), REPL_FENCE_BEAT);
}

/* ---- pauses, lost answers, damage ---- */

static void test_after_a_pause_the_record_is_read_before_anything_is_written(void)
{
    struct repl_fence f = active();
    repl_fence_woke(&f);
    CU_ASSERT_FALSE(repl_fence_may_write(&f));
    CU_ASSERT_EQUAL(repl_fence_next(&f, 10), REPL_FENCE_READ);
    struct repl_fence_record own = { .epoch = 1, .owner = US, .incarnation = 10 };
    repl_fence_seen(&f, &own, 11);
    CU_ASSERT_TRUE(repl_fence_may_write(&f));
    repl_fence_woke(&f);
    repl_fence_seen(&f, &theirs, 12);
    CU_ASSERT_EQUAL(f.role, REPL_FENCED);
}

static void test_a_node_in_wake_up_neither_writes_nor_stands(void)
{
    struct repl_fence f = active();
    struct repl_fence_world w = world_of(REPL_MEMBER_DEAD);
    w.is_awake = false;
    repl_fence_tick(&f, &w, 10);
    CU_ASSERT_FALSE(repl_fence_may_write(&f));
    f = beside(REPL_MEMBER_ALIVE, &theirs);
    repl_fence_tick(&f, &w, 10);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
}

static void test_a_takeover_whose_answer_was_lost_is_found_by_reading(void)
{
    struct repl_fence f = beside(REPL_MEMBER_DEAD, &theirs);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 1), REPL_FENCE_TAKE);
    repl_fence_unreadable(&f, 2);
    tick(&f, REPL_MEMBER_DEAD, 3);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 3), REPL_FENCE_READ);
    repl_fence_seen(&f, &(struct repl_fence_record){ 6, US, 10 }, 4);
    CU_ASSERT_EQUAL(f.role, REPL_ACTIVE);
    CU_ASSERT_EQUAL(f.epoch, 6);
}

static void test_a_lost_or_damaged_record_is_replaced_above_every_epoch_seen(void)
{
    struct repl_fence f = active();
    repl_fence_seen(&f, &(struct repl_fence_record){ 41, THEM, 20 }, 10);
    repl_fence_seen(&f, NULL, 5000);
    tick(&f, REPL_MEMBER_ALIVE, 5000);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 5000), REPL_FENCE_TAKE);
    CU_ASSERT_EQUAL(repl_fence_next_epoch(&f), 42);
    repl_fence_seen(&f, &(struct repl_fence_record){ 3, THEM, 20 },
                    5001); /* set back by somebody */
    tick(&f, REPL_MEMBER_ALIVE, 5001);
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
    CU_ASSERT_EQUAL(repl_fence_next_epoch(&f), 42);
}

static void test_a_blind_owner_yields_to_a_node_that_sees(void)
{
    struct repl_fence f = active();
    struct repl_fence_world w = world_of(REPL_MEMBER_ALIVE);
    repl_fence_unreadable(&f, 1000);
    repl_fence_tick(&f, &w, 11000);
    CU_ASSERT_EQUAL(f.role, REPL_ACTIVE); /* nobody does better */
    w.peers[THEM].reads_target = true;
    repl_fence_tick(&f, &w, 10999);
    CU_ASSERT_EQUAL(f.role, REPL_ACTIVE);
    repl_fence_tick(&f, &w, 11000);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
}

static void test_a_higher_incarnation_takes_its_own_record_anew(void)
{
    struct repl_fence f = active();
    struct repl_fence_world w = world_of(REPL_MEMBER_ALIVE);
    w.incarnation = 11;
    repl_fence_tick(&f, &w, 10);
    CU_ASSERT_FALSE(repl_fence_may_write(&f));
    CU_ASSERT_EQUAL(repl_fence_next(&f, 10), REPL_FENCE_TAKE);
    CU_ASSERT_EQUAL(repl_fence_next_epoch(&f), 2);
}

/* ---- two machines and a model of a target ---- */

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
    repl_fence_remember(&n->fence, m->highest); /* it stands beside the record as well */
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

static void test_every_role_has_its_name(void)
{
    CU_ASSERT_STRING_EQUAL(repl_fence_role_name(REPL_STANDBY), "standby");
    CU_ASSERT_STRING_EQUAL(repl_fence_role_name(REPL_FENCED), "fenced");
    CU_ASSERT_STRING_EQUAL(repl_fence_role_name(200), "unknown");
}

CU_MAIN("fence", CU_CASE(test_nothing_is_done_before_the_target_was_read),
        CU_CASE(test_a_target_without_a_record_is_taken_with_epoch_1),
        CU_CASE(test_who_stands_beside_the_owner),
        CU_CASE(test_a_dead_owner_is_followed_at_once_by_one_swap),
        CU_CASE(test_an_owner_that_was_born_again_owns_nothing),
        CU_CASE(test_a_node_that_has_not_converged_lets_a_steady_one_go_first),
        CU_CASE(test_of_three_nodes_the_lowest_living_id_goes_first),
        CU_CASE(test_an_older_configuration_never_takes_and_yields_what_it_has),
        CU_CASE(test_an_owner_that_yields_is_followed_and_does_not_come_back),
        CU_CASE(test_no_failback_when_the_old_owner_is_heard_again),
        CU_CASE(test_a_refused_write_fences_and_the_back_off_doubles),
        CU_CASE(test_a_fenced_node_watches_the_beat_of_an_owner_that_it_does_not_hear),
        CU_CASE(test_a_fenced_node_that_hears_the_owner_is_on_standby_again),
        CU_CASE(test_an_owner_that_fails_to_authenticate_is_left_alone_while_it_beats),
        CU_CASE(test_an_owner_beats_only_while_it_does_not_hear_everybody),
        CU_CASE(test_after_a_pause_the_record_is_read_before_anything_is_written),
        CU_CASE(test_a_node_in_wake_up_neither_writes_nor_stands),
        CU_CASE(test_a_takeover_whose_answer_was_lost_is_found_by_reading),
        CU_CASE(test_a_lost_or_damaged_record_is_replaced_above_every_epoch_seen),
        CU_CASE(test_a_blind_owner_yields_to_a_node_that_sees),
        CU_CASE(test_a_higher_incarnation_takes_its_own_record_anew),
        CU_CASE(test_random_faults_break_no_rule_of_the_fence_and_healing_gives_one_owner),
        CU_CASE(test_a_partition_changes_the_owner_once),
        CU_CASE(test_failed_authentication_changes_no_owner), CU_CASE(test_every_role_has_its_name))
