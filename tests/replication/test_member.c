#include "replication/member.h"

#include "tests/lib/cu.h"

static const struct repl_member_times times = {
    .suspect_ms = 150, .dead_ms = 300, .retry_min_ms = 100, .retry_max_ms = 1000
};

static struct repl_member alive(uint64_t now_ms)
{
    struct repl_member m;
    repl_member_init(&m, &times, now_ms);
    CU_ASSERT_TRUE(repl_member_take_dial(&m, now_ms));
    CU_ASSERT_TRUE(repl_member_linked(&m, now_ms));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_ALIVE);
    return m;
}

static void test_silence_makes_suspect_then_dead(void)
{
    struct repl_member m = alive(1000);
    CU_ASSERT_FALSE(repl_member_tick(&m, 0, 1149));
    CU_ASSERT_TRUE(repl_member_tick(&m, 0, 1150));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_SUSPECT);
    CU_ASSERT_FALSE(repl_member_tick(&m, 0, 1299));
    CU_ASSERT_TRUE(repl_member_tick(&m, 0, 1300));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_DEAD);
}

static void test_a_word_in_time_ends_suspicion(void)
{
    struct repl_member m = alive(1000);
    repl_member_tick(&m, 0, 1200);
    CU_ASSERT_TRUE(repl_member_heard(&m, 1250));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_ALIVE);
    CU_ASSERT_FALSE(repl_member_tick(&m, 0, 1390));
}

static void test_a_late_node_accuses_late(void)
{
    struct repl_member m = alive(1000);
    CU_ASSERT_FALSE(repl_member_tick(&m, 100, 1000 + 3 * 150 - 1));
    CU_ASSERT_TRUE(repl_member_tick(&m, 100, 1000 + 3 * 150));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_SUSPECT);
}

static void test_a_broken_connection_and_a_refusal_are_death_at_once(void)
{
    struct repl_member m = alive(1000);
    CU_ASSERT_TRUE(repl_member_unlinked(&m, 1010));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_SUSPECT);
    CU_ASSERT_TRUE(repl_member_take_dial(&m, 1010));
    CU_ASSERT_TRUE(repl_member_dial_failed(&m, true, 1011));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_DEAD);
}

static void test_a_dial_without_answer_is_no_proof_of_death(void)
{
    struct repl_member m = alive(1000);
    repl_member_unlinked(&m, 1010);
    CU_ASSERT_FALSE(repl_member_dial_failed(&m, false, 1020));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_SUSPECT);
}

static void test_failed_authentication_is_never_death_by_silence(void)
{
    struct repl_member m;
    repl_member_init(&m, &times, 1000);
    CU_ASSERT_TRUE(repl_member_auth_failed(&m, 1010));
    CU_ASSERT_FALSE(repl_member_tick(&m, 0, 100000));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_AUTH_FAILED);
}

/* The way to it broke while keys were exchanged: nobody knows whether it would still turn us away. */
static void test_who_turned_us_away_and_does_not_answer_any_more_is_heard_of_others(void)
{
    struct repl_member m;
    repl_member_init(&m, &times, 1000);
    CU_ASSERT_TRUE(repl_member_auth_failed(&m, 1010));
    CU_ASSERT_FALSE(repl_member_heard_of(&m, 1015, false, 1020));
    CU_ASSERT_FALSE(repl_member_dial_failed(&m, false, 1030));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_AUTH_FAILED);
    CU_ASSERT_TRUE(repl_member_heard_of(&m, 1035, false, 1040));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_ALIVE);
    CU_ASSERT_TRUE(repl_member_auth_failed(&m, 1050));
    CU_ASSERT_FALSE(repl_member_heard_of(&m, 1055, false, 1060));
}

static void test_a_stranger_cannot_end_a_living_link(void)
{
    struct repl_member m = alive(1000);
    CU_ASSERT_FALSE(repl_member_auth_failed(&m, 1010));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_ALIVE);
}

static void test_dials_back_off_and_start_over_after_a_link(void)
{
    struct repl_member m;
    uint64_t now = 1000, wait[6];
    repl_member_init(&m, &times, now);
    for (int i = 0; i < 6; i++) {
        CU_ASSERT_TRUE(repl_member_take_dial(&m, now));
        CU_ASSERT_FALSE(repl_member_take_dial(&m, now + 100000));
        repl_member_dial_failed(&m, true, now);
        wait[i] = m.dial_ms - now;
        now = m.dial_ms;
    }
    CU_ASSERT_EQUAL(wait[0], 100);
    CU_ASSERT_EQUAL(wait[1], 200);
    CU_ASSERT_EQUAL(wait[5], 1000);
    repl_member_linked(&m, now);
    CU_ASSERT_EQUAL(m.retry_ms, 100);
}

static void test_goodbye_is_a_state_of_its_own(void)
{
    struct repl_member m = alive(1000);
    CU_ASSERT_TRUE(repl_member_goodbye(&m, 1010));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_LEFT);
    CU_ASSERT_FALSE(repl_member_tick(&m, 0, 5000));
    CU_ASSERT_FALSE(repl_member_dial_failed(&m, true, 5000));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_LEFT);
}

static void test_after_a_pause_silence_is_counted_from_now(void)
{
    struct repl_member m = alive(1000);
    repl_member_rearm(&m, 31000);
    CU_ASSERT_FALSE(repl_member_tick(&m, 0, 31100));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_ALIVE);
    CU_ASSERT(repl_member_deadline(&m) == 31150);
    CU_ASSERT_EQUAL(m.heard_ms, 1000); /* others are told nothing newer of it */
    CU_ASSERT_TRUE(repl_member_tick(&m, 0, 31300));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_DEAD);
}

/* ---- three nodes and more ---- */

static void test_a_node_is_silent_only_when_it_is_silent_on_every_path(void)
{
    struct repl_member m = alive(1000);
    CU_ASSERT_FALSE(repl_member_heard_of(&m, 1250, false, 1290));
    CU_ASSERT_FALSE(repl_member_tick(&m, 0, 1310));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_ALIVE);
    CU_ASSERT_TRUE(repl_member_link_is_silent(&m, 0, 1310)); /* the link is given up all the same */
}

/* That we start is no word of anybody: simulator, seed 23462. */
static void test_who_starts_takes_no_old_rumour_for_life(void)
{
    struct repl_member m;
    repl_member_init(&m, &times, 1000);
    repl_member_dial_failed(&m, true, 1005);
    repl_member_tick(&m, 0, 1005);
    CU_ASSERT_FALSE(repl_member_heard_of(&m, 400, true, 1040));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_DEAD);
    CU_ASSERT_TRUE(repl_member_heard_of(&m, 1020, true, 1050));
}

static void test_what_comes_by_others_may_come_later(void)
{
    struct repl_member m = alive(1000);
    repl_member_unlinked(&m, 1010);
    CU_ASSERT_TRUE(repl_member_heard_of(&m, 1020, false, 1060));
    repl_member_tick(&m, 0, 1400);
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_SUSPECT);
    CU_ASSERT_TRUE(repl_member_tick(&m, 0, 1620));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_DEAD);
}

/* Five hops of 100 ms: alive, and not suspected between two of their beats. */
static void test_who_is_heard_at_the_far_end_of_a_chain_is_alive(void)
{
    struct repl_member m;
    repl_member_init(&m, &times, 1000);
    for (uint64_t now = 2000; now < 3000; now += 100) {
        bool was_far = repl_member_heard_of(&m, now - 250, true, now);
        CU_ASSERT_EQUAL(was_far, now == 2000);
        CU_ASSERT_FALSE(repl_member_tick(&m, 0, now + 49));
        CU_ASSERT_EQUAL(m.state, REPL_MEMBER_ALIVE);
    }
    repl_member_tick(&m, 0, 4000);
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_DEAD);
    CU_ASSERT_TRUE(repl_member_heard_of(&m, 3600, false, 4100));
}

static void test_a_refusal_is_no_death_while_another_has_a_link(void)
{
    struct repl_member m = alive(1000);
    repl_member_vouch(&m, true, 1000);
    repl_member_unlinked(&m, 1010);
    CU_ASSERT_FALSE(repl_member_dial_failed(&m, true, 1012));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_SUSPECT);
    CU_ASSERT_TRUE(repl_member_vouch(&m, false, 1014)); /* that one has lost it, too */
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_DEAD);
}

static void test_the_last_beats_of_the_dead_do_not_revive_it(void)
{
    struct repl_member m = alive(1000);
    repl_member_unlinked(&m, 1010);
    repl_member_dial_failed(&m, true, 1012);
    CU_ASSERT_FALSE(repl_member_heard_of(&m, 1005, false, 1050));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_DEAD);
    CU_ASSERT_TRUE(repl_member_heard_of(&m, 2000, false, 2050)); /* nobody else beats for it */
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_ALIVE);
}

static void test_who_left_is_back_in_a_new_life_only(void)
{
    struct repl_member m = alive(1000);
    repl_member_goodbye(&m, 1010);
    CU_ASSERT_FALSE(repl_member_heard_of(&m, 1005, false, 1050));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_LEFT);
    CU_ASSERT_TRUE(repl_member_heard_of(&m, 2000, true, 2050));
    CU_ASSERT_EQUAL(m.state, REPL_MEMBER_ALIVE);
}

CU_MAIN("member", CU_CASE(test_silence_makes_suspect_then_dead),
        CU_CASE(test_a_word_in_time_ends_suspicion), CU_CASE(test_a_late_node_accuses_late),
        CU_CASE(test_a_broken_connection_and_a_refusal_are_death_at_once),
        CU_CASE(test_a_dial_without_answer_is_no_proof_of_death),
        CU_CASE(test_failed_authentication_is_never_death_by_silence),
        CU_CASE(test_who_turned_us_away_and_does_not_answer_any_more_is_heard_of_others),
        CU_CASE(test_a_stranger_cannot_end_a_living_link),
        CU_CASE(test_dials_back_off_and_start_over_after_a_link),
        CU_CASE(test_goodbye_is_a_state_of_its_own),
        CU_CASE(test_after_a_pause_silence_is_counted_from_now),
        CU_CASE(test_a_node_is_silent_only_when_it_is_silent_on_every_path),
        CU_CASE(test_who_starts_takes_no_old_rumour_for_life),
        CU_CASE(test_what_comes_by_others_may_come_later),
        CU_CASE(test_who_is_heard_at_the_far_end_of_a_chain_is_alive),
        CU_CASE(test_a_refusal_is_no_death_while_another_has_a_link),
        CU_CASE(test_the_last_beats_of_the_dead_do_not_revive_it),
        CU_CASE(test_who_left_is_back_in_a_new_life_only))
