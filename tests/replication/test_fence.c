/* The role machine by itself; two of them together: test_fence_model.c. */
#include "replication/fence.h"

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

/* Its takeover is on its way. */
static struct repl_fence beside_nobody(void)
{
    struct repl_fence f = beside(REPL_MEMBER_ALIVE, NULL);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 1), REPL_FENCE_TAKE);
    return f;
}

static struct repl_fence active(void)
{
    struct repl_fence f = beside_nobody();
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

static void test_a_node_that_has_just_started_gives_the_owner_a_second_to_be_heard(void)
{
    struct repl_fence f = beside(REPL_MEMBER_UNKNOWN, &theirs);
    struct repl_fence_world w = world_of(REPL_MEMBER_DEAD);
    w.peers[THEM].incarnation = 0;
    repl_fence_tick(&f, &w, 300);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 1299), REPL_FENCE_NOTHING);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 1300), REPL_FENCE_TAKE);
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

static void test_who_has_yielded_stands_again_when_its_heir_fails(void)
{
    struct repl_fence f = active();
    repl_fence_yield(&f, 100);
    const struct repl_fence_record heirs = { .epoch = 2, .owner = THEM, .incarnation = 20 };
    repl_fence_seen(&f, &heirs, 150);
    struct repl_fence_world w = world_of(REPL_MEMBER_ALIVE);
    w.peers[THEM].seen_epoch = heirs.epoch;
    repl_fence_tick(&f, &w, 160);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    w.peers[THEM].state = REPL_MEMBER_DEAD;
    repl_fence_tick(&f, &w, 200);
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
}

/* F5: the heir took it behind a partition, where it lives. */
static void test_who_has_yielded_takes_nothing_back_from_an_heir_that_is_not_heard(void)
{
    const struct repl_fence_record heirs = { .epoch = 2, .owner = THEM, .incarnation = 20 };
    struct repl_fence f = active();
    repl_fence_yield(&f, 100);
    tick(&f, REPL_MEMBER_DEAD, 150);
    repl_fence_seen(&f, &heirs, 200);
    tick(&f, REPL_MEMBER_DEAD, 201);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    tick(&f, REPL_MEMBER_DEAD, 201 + 3 * BEAT_MS); /* and is silent there, too */
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
}

/* F4: what a watch tells of the next takeover comes before the answer to ours, as after a pause. */
static void test_an_answer_that_comes_after_the_next_takeover_makes_no_owner(void)
{
    const struct repl_fence_record next = { .epoch = 2, .owner = THEM, .incarnation = 20 };
    for (int beside = 0; beside <= 1; beside++) {
        struct repl_fence f = beside_nobody();
        if (beside)
            repl_fence_remember(&f, 2, 2);
        else
            repl_fence_seen(&f, &next, 2);
        repl_fence_took(&f, 1, 3);
        tick(&f, REPL_MEMBER_ALIVE, 4);
        CU_ASSERT_EQUAL(f.role, REPL_FENCED);
        CU_ASSERT_FALSE(repl_fence_may_write(&f));
        CU_ASSERT_EQUAL(repl_fence_next(&f, 4), REPL_FENCE_READ);
    }
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

/* F5: it restarted out of our hearing. One that was never heard at all nobody waits for: we have just started. */
static void test_an_owner_whose_earlier_life_was_found_dead_is_left_alone_while_it_beats(void)
{
    struct repl_fence_record risen = { .epoch = 6, .owner = THEM, .incarnation = 21 };
    struct repl_fence f = beside(REPL_MEMBER_ALIVE, &theirs);
    uint64_t beat = 0;
    repl_fence_seen(&f, &risen, 100);
    for (uint64_t now = 500; now < 60000; now += 500) {
        tick(&f, REPL_MEMBER_DEAD, now);
        CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
        if (repl_fence_next(&f, now) == REPL_FENCE_READ) {
            repl_fence_seen(&f, &risen, now);
            repl_fence_beat_seen(&f, ++beat, now);
        }
    }
    tick(&f, REPL_MEMBER_DEAD, 70000);
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
    struct repl_fence_world w = world_of(REPL_MEMBER_DEAD);
    w.peers[THEM].incarnation = 0;
    f = beside(REPL_MEMBER_ALIVE, &risen);
    repl_fence_tick(&f, &w, 100);
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE);
}

/* F5: so did this one, after it had left on purpose. Whoever takes the target after it shows that it lives, for that is not
 * gone. */
static void test_an_owner_whose_earlier_life_left_is_watched_and_shown_a_beat(void)
{
    struct repl_fence_record risen = { .epoch = 6, .owner = THEM, .incarnation = 21 };
    struct repl_fence f = active();
    uint64_t beat = 0, now = 100;
    repl_fence_refused(&f, &risen, now);
    for (; now < 60000; now += 500) {
        tick(&f, REPL_MEMBER_LEFT, now);
        CU_ASSERT_EQUAL(f.role, REPL_FENCED);
        if (repl_fence_next(&f, now) == REPL_FENCE_READ) {
            repl_fence_seen(&f, &risen, now);
            repl_fence_beat_seen(&f, ++beat, now);
        }
    }
    now = f.beat_changed_ms + 3 * BEAT_MS;
    tick(&f, REPL_MEMBER_LEFT, now);
    CU_ASSERT_EQUAL(repl_fence_next(&f, now), REPL_FENCE_TAKE);
    repl_fence_took(&f, 7, now);
    tick(&f, REPL_MEMBER_LEFT, now);
    CU_ASSERT_EQUAL(repl_fence_next(&f, now), REPL_FENCE_BEAT);
}

/* Node 2 has taken the target; what it said last was of an earlier epoch, or of this one. */
static struct repl_fence parted(uint32_t nodes, uint32_t heard, uint64_t seen_epoch)
{
    struct repl_fence f = machine(nodes);
    struct repl_fence_world w = world_of(REPL_MEMBER_DEAD);
    for (uint32_t id = nodes; id > nodes - heard; id--)
        w.peers[id].state = REPL_MEMBER_ALIVE;
    w.peers[THEM].seen_epoch = seen_epoch;
    repl_fence_tick(&f, &w, 0);
    repl_fence_seen(&f, &theirs, 0);
    repl_fence_tick(&f, &w, 1);
    return f;
}

/* F5, design 3.1 row 4: no duel. */
static void test_only_the_larger_side_of_a_partition_takes_back_what_was_taken_unheard(void)
{
    static const struct {
        uint32_t nodes, heard;
        uint64_t seen_epoch;
        uint8_t role;
    } rows[] = {
        { 2, 0, 4, REPL_CANDIDATE }, /* nobody stands in for the former owner of a pair */
        { 3, 1, 4, REPL_CANDIDATE }, { 3, 0, 4, REPL_STANDBY },   { 4, 1, 4, REPL_STANDBY },
        { 5, 2, 4, REPL_CANDIDATE }, { 5, 1, 4, REPL_STANDBY },   { 7, 2, 4, REPL_STANDBY },
        { 3, 0, 5, REPL_CANDIDATE }, { 7, 0, 5, REPL_CANDIDATE }, /* it was heard as the owner, and is dead */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct repl_fence f = parted(rows[i].nodes, rows[i].heard, rows[i].seen_epoch);
        CU_ASSERT_EQUAL(f.role, rows[i].role);
    }
}

static void test_a_suspect_makes_no_side_the_larger_one(void)
{
    struct repl_fence f = parted(5, 2, 4);
    struct repl_fence_world w = f.world;
    w.peers[5].state = REPL_MEMBER_SUSPECT;
    repl_fence_tick(&f, &w, 2);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
}

static void test_an_owner_that_is_silent_in_the_target_too_is_followed_by_any_side(void)
{
    struct repl_fence f = parted(4, 1, 4);
    struct repl_fence_world w = f.world;
    repl_fence_tick(&f, &w, 3 * BEAT_MS - 1);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    repl_fence_tick(&f, &w, 3 * BEAT_MS);
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
    CU_ASSERT_EQUAL(repl_fence_next(&f, 10), REPL_FENCE_NOTHING); /* a beat may bring the whole table with it */
    w.is_awake = true;
    repl_fence_tick(&f, &w, 11);
    CU_ASSERT_EQUAL(repl_fence_next(&f, 11), REPL_FENCE_BEAT);
    w.is_awake = false;
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

static void test_a_node_that_leaves_yields_to_whoever_reads_and_stands_for_nothing(void)
{
    struct repl_fence f = active();
    struct repl_fence_world w = world_of(REPL_MEMBER_ALIVE);
    w.is_leaving = true;
    repl_fence_tick(&f, &w, 10);
    CU_ASSERT_EQUAL(f.role, REPL_ACTIVE); /* nobody else could */
    w.peers[THEM].reads_target = true;
    repl_fence_tick(&f, &w, 11);
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    CU_ASSERT_EQUAL(repl_fence_yielded(&f), 1);
    repl_fence_tick(&f, &w, 60000); /* however long they hesitate */
    CU_ASSERT_EQUAL(f.role, REPL_STANDBY);
    w.peers[THEM].state = REPL_MEMBER_DEAD;
    repl_fence_tick(&f, &w, 60001);
    CU_ASSERT_EQUAL(f.role, REPL_CANDIDATE); /* better a node that leaves than none */
}

static void test_an_owner_that_hears_of_a_higher_epoch_looks_before_it_writes_once(void)
{
    struct repl_fence f = active();
    struct repl_fence_world w = world_of(REPL_MEMBER_ALIVE);
    w.peers[THEM].seen_epoch = 2;
    repl_fence_tick(&f, &w, 10);
    CU_ASSERT_FALSE(repl_fence_may_write(&f));
    CU_ASSERT_EQUAL(repl_fence_next(&f, 10), REPL_FENCE_READ);
    repl_fence_seen(&f, &(struct repl_fence_record){ 1, US, 10 }, 11); /* it was wrong */
    repl_fence_tick(&f, &w, 12);
    CU_ASSERT_TRUE(repl_fence_may_write(&f));
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
        CU_CASE(test_a_node_that_has_just_started_gives_the_owner_a_second_to_be_heard),
        CU_CASE(test_a_node_that_has_not_converged_lets_a_steady_one_go_first),
        CU_CASE(test_of_three_nodes_the_lowest_living_id_goes_first),
        CU_CASE(test_an_older_configuration_never_takes_and_yields_what_it_has),
        CU_CASE(test_who_has_yielded_stands_again_when_its_heir_fails),
        CU_CASE(test_an_answer_that_comes_after_the_next_takeover_makes_no_owner),
        CU_CASE(test_who_has_yielded_takes_nothing_back_from_an_heir_that_is_not_heard),
        CU_CASE(test_an_owner_that_yields_is_followed_and_does_not_come_back),
        CU_CASE(test_no_failback_when_the_old_owner_is_heard_again),
        CU_CASE(test_a_refused_write_fences_and_the_back_off_doubles),
        CU_CASE(test_a_fenced_node_watches_the_beat_of_an_owner_that_it_does_not_hear),
        CU_CASE(test_a_fenced_node_that_hears_the_owner_is_on_standby_again),
        CU_CASE(test_an_owner_that_fails_to_authenticate_is_left_alone_while_it_beats),
        CU_CASE(test_an_owner_whose_earlier_life_was_found_dead_is_left_alone_while_it_beats),
        CU_CASE(test_an_owner_whose_earlier_life_left_is_watched_and_shown_a_beat),
        CU_CASE(test_only_the_larger_side_of_a_partition_takes_back_what_was_taken_unheard),
        CU_CASE(test_a_suspect_makes_no_side_the_larger_one),
        CU_CASE(test_an_owner_that_is_silent_in_the_target_too_is_followed_by_any_side),
        CU_CASE(test_an_owner_beats_only_while_it_does_not_hear_everybody),
        CU_CASE(test_after_a_pause_the_record_is_read_before_anything_is_written),
        CU_CASE(test_a_node_in_wake_up_neither_writes_nor_stands),
        CU_CASE(test_a_takeover_whose_answer_was_lost_is_found_by_reading),
        CU_CASE(test_a_lost_or_damaged_record_is_replaced_above_every_epoch_seen),
        CU_CASE(test_a_blind_owner_yields_to_a_node_that_sees),
        CU_CASE(test_a_node_that_leaves_yields_to_whoever_reads_and_stands_for_nothing),
        CU_CASE(test_an_owner_that_hears_of_a_higher_epoch_looks_before_it_writes_once),
        CU_CASE(test_a_higher_incarnation_takes_its_own_record_anew),
        CU_CASE(test_every_role_has_its_name))
