/* A host agent's view: tables of two nodes, one of which it applies. */
#include "tests/node/follow_side.h"

static void test_a_withdrawal_is_applied_at_once(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 100, full, true, false, 1000);
    say(&s, 0, 0, 100, more, false, false, 2000);
    CU_ASSERT_EQUAL(installed(&s), 0);
    follow_fini(&s.f);
}

static void test_a_great_loss_is_held_by_the_brake(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 100, full, true, false, 1000);
    say(&s, 0, 0, 100, more, false, true, 2000);
    CU_ASSERT_EQUAL(installed(&s), 100);
    program(&s, 2000 + program_defaults.brake_hold_ms + 1);
    CU_ASSERT_EQUAL(installed(&s), 0);
    follow_fini(&s.f);
}

/* Deletion rule (ii), until a cut without that word: what comes before it may not be all yet. */
static void test_a_loss_waits_while_the_node_awaits_another_one(void)
{
    struct side s;
    struct repl_table_batch awaits = more;
    awaits.awaits = true;
    begin(&s);
    say(&s, 0, 0, 10, full, true, false, 1000);
    say(&s, 0, 0, 4, awaits, false, true, 2000);
    CU_ASSERT_EQUAL(installed(&s), 10);
    say(&s, 0, 0, 2, awaits, true, false, 2500);
    say(&s, 0, 0, 0, more, true, false, 3000);
    CU_ASSERT_EQUAL(installed(&s), 8);
    follow_fini(&s.f);
}

/* P5: by the word of the node that is followed. */
static void test_the_brake_holds_nothing_of_those_that_have_told_all_anew(void)
{
    struct side s;
    struct repl_table_batch told = more;
    told.told = &hop;
    told.told_count = 1;
    begin(&s);
    for (size_t node = 0; node < NODES; node++)
        say(&s, node, 0, 100, full, true, false, 1000);
    for (size_t node = 0; node < NODES; node++)
        say(&s, node, 0, 100, more, false, true, 2000);
    say(&s, 1, 0, 0, told, false, true, 3000);
    CU_ASSERT_EQUAL(installed(&s), 100);
    say(&s, 0, 0, 0, told, false, true, 3000);
    CU_ASSERT_EQUAL(installed(&s), 0);
    follow_fini(&s.f);
}

/* S2: of two next hops one is lost, and the other has withdrawn. */
static void test_the_brake_holds_only_the_share_of_those_that_were_lost(void)
{
    struct side s;
    struct repl_table_batch loss = isolated;
    loss.lost = &some[1];
    loss.lost_count = 1;
    begin(&s);
    tell(&s, 0, 0, ONE | TWO, full, false, 1000);
    tell(&s, 0, ONE | TWO, 0, loss, true, 2000);
    CU_ASSERT_EQUAL(led_to(&s), TWO);
    follow_fini(&s.f);
}

/* I6: it was asked for that again, and no session came or went. */
static void test_a_table_that_is_told_again_starts_no_second_hold(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 100, full, true, false, 1000);
    say(&s, 0, 0, 100, more, false, true, 2000);
    say(&s, 0, 0, 0, full, false, false, 2000 + program_defaults.brake_hold_ms / 2);
    CU_ASSERT_EQUAL(installed(&s), 100);
    program(&s, 2000 + program_defaults.brake_hold_ms + 1);
    CU_ASSERT_EQUAL(installed(&s), 0);
    follow_fini(&s.f);
}

static void test_with_every_nva_lost_nothing_goes_ever(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 10, full, true, false, 1000);
    say(&s, 0, 0, 10, isolated, false, true, 2000);
    program(&s, 2000 + 100 * program_defaults.brake_hold_ms);
    CU_ASSERT_EQUAL(installed(&s), 10);
    uint64_t now = 3000 + 100 * program_defaults.brake_hold_ms;
    say(&s, 0, 0, 0, more, false, true, now); /* one is back, and gets a moment */
    program(&s, now + program_defaults.brake_hold_ms + 1);
    CU_ASSERT_EQUAL(installed(&s), 0);
    follow_fini(&s.f);
}

static void test_the_other_node_takes_over_without_a_removal(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 100, full, true, false, 1000);
    say(&s, 1, 0, 100, full, true, false, 1000);
    follow_disconnected(&s.f, 0, 2000);
    program(&s, 2000);
    CU_ASSERT_EQUAL(s.f.active, 1);
    CU_ASSERT_EQUAL(s.deletes, 0);
    CU_ASSERT_EQUAL(installed(&s), 100);
    follow_fini(&s.f);
}

/* P5: cut off from the others it holds what it has lost (scenario 8b), and does not hear what they withdraw. */
static void test_a_node_that_hears_no_nva_is_left_for_one_that_does(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 10, full, true, false, 1000);
    say(&s, 1, 0, 10, full, true, false, 1000);
    say(&s, 0, 0, 5, isolated, false, true, 2000);
    CU_ASSERT_EQUAL(s.f.active, 1);
    say(&s, 1, 9, 1, more, false, false, 3000);
    CU_ASSERT_EQUAL(installed(&s), 9);
    CU_ASSERT_EQUAL(s.deletes, 1);
    say(&s, 1, 0, 1, isolated, false, true, 4000);
    CU_ASSERT_EQUAL(s.f.active, 1); /* the other one hears no more */
    CU_ASSERT_EQUAL(installed(&s), 9);
    follow_fini(&s.f);
}

/* It has woken lately and holds what is lost, and the route was withdrawn as the first one stopped. */
static void test_what_the_other_node_said_was_withdrawn_goes_when_it_takes_over(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 10, full, true, false, 1000);
    say(&s, 1, 0, 10, full, true, false, 1000);
    say(&s, 1, 0, 1, isolated, false, false, 2000);
    say(&s, 1, 1, 1, isolated, false, true, 2000);
    CU_ASSERT_EQUAL(installed(&s), 10);
    follow_disconnected(&s.f, 0, 3000);
    program(&s, 3000);
    CU_ASSERT_EQUAL(installed(&s), 9); /* the lost one is held */
    follow_fini(&s.f);
}

/* Its NVAs have not all told it everything, and who was followed is dead: no reason to hear nobody. */
static void test_a_node_that_has_not_converged_is_better_than_one_that_is_gone(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 10, full, true, false, 1000);
    say(&s, 1, 0, 9, young, true, false, 1000);
    follow_disconnected(&s.f, 0, 2000);
    program(&s, 2000);
    CU_ASSERT_EQUAL(installed(&s), 10);
    say(&s, 1, 0, 1, still_young, false, false, 3000);
    say(&s, 1, 20, 1, still_young, true, false, 3000);
    CU_ASSERT_EQUAL(installed(&s), 10);
    CU_ASSERT_EQUAL(s.deletes, 1);
    say(&s, 1, 1, 1, still_young, false, true, 3000); /* lost: by whom it did not hear yet it may be there */
    CU_ASSERT_EQUAL(s.deletes, 1);
    say(&s, 1, 0, 0, more, false, false, 4000);
    CU_ASSERT_EQUAL(installed(&s), 8);
    follow_fini(&s.f);
}

static void test_what_was_withdrawn_and_told_again_is_lost_at_most(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 10, full, true, false, 1000);
    say(&s, 1, 0, 10, full, true, false, 1000);
    say(&s, 1, 0, 1, isolated, false, false, 2000);
    say(&s, 0, 0, 1, more, false, false, 2000);
    say(&s, 0, 0, 1, more, true, false, 2100); /* the other one does not hear of it */
    follow_disconnected(&s.f, 0, 3000);
    program(&s, 3000);
    CU_ASSERT_EQUAL(installed(&s), 10);
    follow_fini(&s.f);
}

static void test_a_node_that_has_not_converged_adds_and_removes_nothing_by_absence(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 20, full, true, false, 1000);
    restart_node(&s, 0, 2000);
    say(&s, 0, 10, 20, young, true, false, 3000); /* 10 to 29, not yet complete */
    CU_ASSERT_EQUAL(installed(&s), 30);
    CU_ASSERT_EQUAL(s.deletes, 0);
    follow_fini(&s.f);
}

static void test_a_node_that_waits_for_one_nva_may_still_say_what_is_lost(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 20, young, true, false, 1000);
    say(&s, 0, 0, 2, still_young, false, true, 2000);
    CU_ASSERT_EQUAL(installed(&s), 18);
    follow_fini(&s.f);
}

/* Its table is young; what the host had before may be announced by who has not spoken to it yet. */
static void test_a_node_that_is_back_takes_nothing_that_stood_before_it(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 20, full, true, false, 1000);
    restart_node(&s, 0, 2000);
    say(&s, 0, 0, 30, young, true, false, 3000); /* 20 to 29 are its own */
    CU_ASSERT_EQUAL(installed(&s), 30);
    say(&s, 0, 15, 10, still_young, false, true, 4000);
    CU_ASSERT_EQUAL(installed(&s), 25);
    follow_fini(&s.f);
}

/* One speaks to it first, and withdraws; the other, who was there before, has not spoken to it yet. */
/* It named the route first, but it was another one that was followed and brought it. */
static void test_a_node_that_has_not_converged_takes_nothing_that_another_one_brought(void)
{
    for (int is_lost = 0; is_lost < 2; is_lost++) {
        struct side s;
        begin(&s);
        deliver(&s, 0, NULL, 0, full, 1);
        deliver(&s, 1, NULL, 0, young, 1);
        tell(&s, 1, 0, TWO, still_young, false, 2);
        tell(&s, 0, 0, TWO, more, false, 3);
        CU_ASSERT_EQUAL(led_to(&s), TWO);
        follow_disconnected(&s.f, 0, 4);
        program(&s, 4);
        tell(&s, 1, TWO, 0, still_young, is_lost, 5);
        CU_ASSERT_EQUAL(led_to(&s), is_lost ? TWO : 0);
        follow_fini(&s.f);
    }
}

/* It was on its way to the kernel when the other one named it. */
static void test_a_node_that_has_not_converged_takes_nothing_that_another_one_is_about_to_bring(void)
{
    struct side s;
    begin(&s);
    deliver(&s, 0, NULL, 0, full, 1);
    s.is_slow = true;
    tell(&s, 0, 0, TWO, more, false, 2);
    tell(&s, 1, 0, TWO, young, false, 2);
    s.is_slow = false;
    follow_disconnected(&s.f, 0, 3);
    program(&s, 3);
    CU_ASSERT_EQUAL(led_to(&s), TWO);
    tell(&s, 1, TWO, 0, still_young, true, 4);
    CU_ASSERT_EQUAL(led_to(&s), TWO);
    follow_fini(&s.f);
}

/* What stood before was on its way back. */
static void test_what_replaces_it_once_more_does_so_at_any_moment(void)
{
    struct side s;
    begin(&s);
    tell(&s, 0, 0, ONE, full, false, 1000);
    restart_node(&s, 0, 2000);
    tell(&s, 0, 0, TWO, young, false, 3000);
    s.is_slow = true;
    tell(&s, 0, TWO, 0, still_young, true, 4000);
    tell(&s, 0, 0, TWO, still_young, false, 4000);
    s.is_slow = false;
    program(&s, 4000);
    CU_ASSERT_EQUAL(led_to(&s), TWO);
    tell(&s, 0, TWO, 0, still_young, false, 5000);
    CU_ASSERT_EQUAL(led_to(&s), ONE);
    follow_fini(&s.f);
}

static void test_what_stood_before_comes_back_when_that_goes_which_replaced_it(void)
{
    for (int lost = 0; lost <= 1; lost++) {
        struct side s;
        begin(&s);
        tell(&s, 0, 0, ONE, full, false, 1000);
        restart_node(&s, 0, 2000);
        tell(&s, 0, 0, TWO, young, false, 3000);
        CU_ASSERT_EQUAL(led_to(&s), TWO);
        tell(&s, 0, TWO, TWO | THREE, still_young, false, 3000);
        tell(&s, 0, TWO | THREE, TWO, still_young, false, 3000);
        CU_ASSERT_EQUAL(led_to(&s), TWO);
        tell(&s, 0, TWO, 0, still_young, lost, 4000);
        CU_ASSERT_EQUAL(led_to(&s), ONE);
        say(&s, 0, 0, 0, more, false, false, 5000); /* all have spoken, and it was not among it */
        CU_ASSERT_EQUAL(led_to(&s), 0);
        CU_ASSERT_EQUAL(s.deletes, 1);
        follow_fini(&s.f);
    }
}

static void test_what_replaced_it_stays_when_all_have_spoken(void)
{
    struct side s;
    begin(&s);
    tell(&s, 0, 0, ONE, full, false, 1000);
    restart_node(&s, 0, 2000);
    tell(&s, 0, 0, TWO, young, false, 3000);
    say(&s, 0, 0, 0, more, false, false, 4000);
    CU_ASSERT_EQUAL(led_to(&s), TWO);
    tell(&s, 0, TWO, 0, more, false, 5000);
    CU_ASSERT_EQUAL(led_to(&s), 0);
    follow_fini(&s.f);
}

/* The brake, or a node that heard nobody, kept it there. */
static void test_what_is_told_again_before_it_is_gone_stays(void)
{
    struct side s;
    begin(&s);
    tell(&s, 0, 0, ONE | TWO, full, false, 1000);
    tell(&s, 0, ONE | TWO, 0, isolated, true, 2000);
    CU_ASSERT_EQUAL(led_to(&s), ONE | TWO);
    restart_node(&s, 0, 3000);
    tell(&s, 0, 0, ONE, young, false, 4000);
    program(&s, 4000 + 2 * program_defaults.brake_hold_ms);
    CU_ASSERT_EQUAL(led_to(&s), ONE | TWO);
    say(&s, 0, 0, 0, more, false, false, 5000 + 2 * program_defaults.brake_hold_ms);
    CU_ASSERT_EQUAL(led_to(&s), ONE);
    CU_ASSERT_EQUAL(s.deletes, 0);
    follow_fini(&s.f);
}

/* A node that has not converged, and these have told it all. */
static struct repl_table_batch told_by(unsigned mask, struct ip_addr hops[static 3])
{
    struct repl_table_batch b = still_young;
    b.told = hops;
    for (unsigned i = 0; i < 3; i++)
        if (mask & 1u << i)
            hops[b.told_count++] = some[i];
    return b;
}

/* 4.9: convergence ends per NVA. */
static void test_what_they_have_not_told_who_have_told_all_waits_for_no_other_nva(void)
{
    struct side s;
    struct ip_addr hops[3];
    begin(&s);
    tell(&s, 0, 0, ONE | TWO, full, false, 1000);
    restart_node(&s, 0, 2000);
    deliver(&s, 0, NULL, 0, young, 3000);
    deliver(&s, 0, NULL, 0, told_by(ONE, hops), 3000);
    CU_ASSERT_EQUAL(led_to(&s), ONE | TWO);
    deliver(&s, 0, NULL, 0, told_by(ONE | TWO, hops), 3000);
    CU_ASSERT_EQUAL(led_to(&s), 0);
    tell(&s, 0, 0, ONE, told_by(ONE | TWO, hops), false, 4000);
    CU_ASSERT_EQUAL(led_to(&s), ONE);
    deliver(&s, 0, NULL, 0, told_by(ONE, hops), 4000);
    CU_ASSERT_EQUAL(led_to(&s), ONE);
    follow_fini(&s.f);
}

/* The same of what was put in its place. */
static void test_what_replaced_it_gives_way_to_what_stood_before(void)
{
    for (int at_once = 0; at_once <= 1; at_once++) {
        struct side s;
        struct ip_addr hops[3];
        begin(&s);
        tell(&s, 0, 0, ONE, full, false, 1000);
        restart_node(&s, 0, 2000);
        tell(&s, 0, 0, TWO, young, false, 3000);
        restart_node(&s, 0, 4000);
        deliver(&s, 0, NULL, 0, young, 5000);
        CU_ASSERT_EQUAL(led_to(&s), TWO);
        deliver(&s, 0, NULL, 0, told_by(at_once ? ONE | TWO : TWO, hops), 5000);
        CU_ASSERT_EQUAL(led_to(&s), at_once ? 0 : ONE);
        deliver(&s, 0, NULL, 0, told_by(ONE | TWO, hops), 5000);
        CU_ASSERT_EQUAL(led_to(&s), 0);
        follow_fini(&s.f);
    }
}

/* Of a session that has ended what it told by then is lost, and before the cut that says so. */
static void test_who_has_told_all_and_is_gone_counts_no_more_at_once(void)
{
    struct side s;
    struct ip_addr hops[3];
    struct repl_table_batch part = { .incarnation = 1 };
    begin(&s);
    tell(&s, 0, 0, ONE, full, false, 1000);
    tell(&s, 1, 0, ONE, young, false, 1000);
    tell(&s, 1, ONE, 0, told_by(ONE | TWO, hops), true, 2000);
    CU_ASSERT_EQUAL(s.f.nodes[1].told_count, 2);
    part.from = part.to = s.version[1];
    part.told = &some[1];
    part.told_count = 1;
    CU_ASSERT_EQUAL(follow_apply(&s.f, 1, &part, 3000), FOLLOW_APPLIED);
    CU_ASSERT_EQUAL(s.f.nodes[1].told_count, 1);
    follow_disconnected(&s.f, 0, 4000);
    program(&s, 4000);
    CU_ASSERT_EQUAL(s.f.active, 1);
    CU_ASSERT_EQUAL(led_to(&s), ONE);
    follow_fini(&s.f);
}

/* P5: an NVA without an End-of-RIB keeps a node young for a while, which knows all the same who is who. */
static void test_a_node_that_has_named_them_all_takes_one_away(void)
{
    struct side s;
    begin(&s);
    tell(&s, 0, 0, ONE | TWO, full, false, 1000);
    tell(&s, 1, 0, ONE | TWO, young, false, 1000);
    follow_disconnected(&s.f, 0, 2000);
    tell(&s, 1, ONE | TWO, TWO, still_young, false, 3000);
    CU_ASSERT_EQUAL(led_to(&s), TWO);
    tell(&s, 1, TWO, 0, still_young, false, 3000);
    CU_ASSERT_EQUAL(led_to(&s), 0);
    follow_fini(&s.f);
}

/* Before it was followed. */
static void test_a_node_that_had_named_them_all_takes_them_away_when_it_is_followed(void)
{
    struct side s;
    begin(&s);
    tell(&s, 0, 0, ONE | TWO, full, false, 1000);
    tell(&s, 1, 0, ONE | TWO, young, false, 1000);
    tell(&s, 1, ONE | TWO, TWO, still_young, false, 1000);
    tell(&s, 1, TWO, 0, still_young, false, 1000);
    follow_disconnected(&s.f, 0, 2000);
    program(&s, 2000);
    CU_ASSERT_EQUAL(led_to(&s), 0);
    follow_fini(&s.f);
}

static void test_a_node_that_has_not_named_the_latest_takes_nothing_away(void)
{
    struct side s;
    begin(&s);
    tell(&s, 0, 0, ONE, full, false, 1000);
    tell(&s, 1, 0, ONE, young, false, 1000);
    tell(&s, 0, ONE, ONE | TWO, more, false, 1000); /* the second one does not hear of it */
    tell(&s, 1, ONE, 0, still_young, false, 1000);
    follow_disconnected(&s.f, 0, 2000);
    program(&s, 2000);
    CU_ASSERT_EQUAL(led_to(&s), ONE | TWO);
    follow_fini(&s.f);
}

static void test_a_table_that_does_not_add_up_is_asked_for_again(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 5, full, true, false, 1000);
    struct repl_table_batch wrong = { .incarnation = 1, .from = 5, .to = 6, .cut = true, .route_total = 4 };
    CU_ASSERT_EQUAL(follow_apply(&s.f, 0, &wrong, 2000), FOLLOW_RESUBSCRIBE);
    CU_ASSERT_EQUAL(follow_apply(&s.f, 0, &wrong, 2000), FOLLOW_APPLIED); /* asked once */
    follow_fini(&s.f);
}

static void test_a_gap_is_asked_for_again(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 5, full, true, false, 1000);
    struct repl_table_batch gap = { .incarnation = 1, .from = 9, .to = 10 };
    CU_ASSERT_EQUAL(follow_apply(&s.f, 0, &gap, 2000), FOLLOW_RESUBSCRIBE);
    follow_fini(&s.f);
}

/* The digest in a beat is of the whole table: what is held here must add up to it, at any time. */
static void test_a_beat_finds_what_went_wrong_in_between(void)
{
    struct side s;
    uint8_t told[REPL_DIGEST];
    begin(&s);
    say(&s, 0, 0, 10, full, true, false, 0);
    repl_digest_write(&s.digest[0], told);
    CU_ASSERT_EQUAL(follow_beat(&s.f, 0, told), FOLLOW_APPLIED);
    CU_ASSERT_EQUAL(follow_beat(&s.f, 0, NULL), FOLLOW_APPLIED);
    CU_ASSERT_EQUAL(follow_beat(&s.f, 1, told), FOLLOW_APPLIED); /* nothing was promised yet */
    told[0] ^= 1;
    CU_ASSERT_EQUAL(follow_beat(&s.f, 0, told), FOLLOW_RESUBSCRIBE);
    CU_ASSERT_EQUAL(follow_beat(&s.f, 0, told), FOLLOW_APPLIED); /* it was asked for already */
    say(&s, 0, 10, 1, more, true, false, 0); /* on the way before the answer: not looked at */
    CU_ASSERT_EQUAL(installed(&s), 10);
    s.total[0] = 0;
    repl_digest_init(&s.digest[0], REPL_DIGEST_SUM, key);
    say(&s, 0, 0, 11, full, true, false, 0);
    CU_ASSERT_EQUAL(installed(&s), 11);
    follow_fini(&s.f);
}

static void test_the_table_goes_when_its_time_is_over_and_comes_back_with_a_node(void)
{
    struct side s;
    begin(&s);
    say(&s, 0, 0, 100, full, true, false, 0);
    follow_disconnected(&s.f, 0, 1000);
    follow_disconnected(&s.f, 1, 1000);
    program(&s, 1000000);
    CU_ASSERT_EQUAL(installed(&s), 100); /* for ever */
    follow_give_up(&s.f, 2000000);
    program(&s, 2000000);
    CU_ASSERT_EQUAL(installed(&s), 0);
    follow_connected(&s.f, 0);
    s.total[0] = 0;
    repl_digest_init(&s.digest[0], REPL_DIGEST_SUM, key);
    say(&s, 0, 0, 100, full, true, false, 3000000);
    CU_ASSERT_EQUAL(installed(&s), 100);
    follow_fini(&s.f);
}

static void test_inherited_routes_go_with_the_table(void)
{
    struct side s;
    bool nomem;
    struct ip_addr member = hop;
    struct ip_prefix p = prefix_of(7);
    begin(&s);
    uint32_t set = nhset_intern(&s.f.sets, &member, 1, &nomem);
    CU_ASSERT_EQUAL(program_inherit(s.f.program, prefix_table_get(&s.f.prefixes, &p), set), 0);
    nhset_unref(&s.f.sets, set);
    follow_give_up(&s.f, 1000);
    program(&s, 1000);
    CU_ASSERT_EQUAL(installed(&s), 0);
    follow_fini(&s.f);
}

/* The agent was restarted, too: it has not converged either. */
static void test_an_inherited_route_goes_when_those_have_told_all_that_it_leads_to(void)
{
    struct side s;
    bool nomem;
    struct ip_addr member = hop;
    struct ip_prefix p = prefix_of(7);
    struct repl_table_batch told = still_young;
    begin(&s);
    uint32_t set = nhset_intern(&s.f.sets, &member, 1, &nomem);
    CU_ASSERT_EQUAL(program_inherit(s.f.program, prefix_table_get(&s.f.prefixes, &p), set), 0);
    nhset_unref(&s.f.sets, set);
    deliver(&s, 0, NULL, 0, young, 1000);
    CU_ASSERT_EQUAL(installed(&s), 1);
    told.told = &hop;
    told.told_count = 1;
    deliver(&s, 0, NULL, 0, told, 2000);
    CU_ASSERT_EQUAL(installed(&s), 0);
    follow_fini(&s.f);
}

/* By the word of the node that is followed, until it takes it back, or for a moment when it is gone. */
static void test_lost_next_hops_are_those_of_the_node_that_is_followed(void)
{
    struct side s;
    const struct ip_addr *hops;
    static const struct repl_table_batch loses = { .complete = true, .lost = &hop, .lost_count = 1 };
    begin(&s);
    CU_ASSERT_EQUAL(follow_lost(&s.f, &hops, 1000), 0); /* nobody is followed yet */
    say(&s, 0, 0, 10, full, true, false, 1000);
    say(&s, 1, 0, 10, full, true, false, 1000);
    say(&s, 1, 0, 0, loses, true, false, 2000);
    CU_ASSERT_EQUAL(follow_lost(&s.f, &hops, 2000), 0);
    say(&s, 0, 0, 0, loses, true, false, 3000);
    CU_ASSERT_EQUAL_FATAL(follow_lost(&s.f, &hops, 3000), 1);
    CU_ASSERT_TRUE(ip_addr_is_equal(hops, &hop));
    say(&s, 0, 0, 0, more, true, false, 4000);
    CU_ASSERT_EQUAL(follow_lost(&s.f, &hops, 4000), 0);
    say(&s, 0, 0, 0, loses, true, false, 5000);
    follow_disconnected(&s.f, 0, 6000); /* the other node is followed from here */
    CU_ASSERT_EQUAL(follow_lost(&s.f, &hops, 6000), 1);
    follow_disconnected(&s.f, 1, 7000);
    CU_ASSERT_EQUAL(follow_lost(&s.f, &hops, 7000), 1);
    CU_ASSERT_EQUAL(follow_lost(&s.f, &hops, 60000), 0);
    follow_fini(&s.f);
}

CU_MAIN("follow", CU_CASE(test_a_gap_is_asked_for_again),
        CU_CASE(test_a_beat_finds_what_went_wrong_in_between),
        CU_CASE(test_the_table_goes_when_its_time_is_over_and_comes_back_with_a_node),
        CU_CASE(test_inherited_routes_go_with_the_table),
        CU_CASE(test_a_withdrawal_is_applied_at_once),
        CU_CASE(test_lost_next_hops_are_those_of_the_node_that_is_followed),
        CU_CASE(test_a_loss_waits_while_the_node_awaits_another_one),
        CU_CASE(test_a_great_loss_is_held_by_the_brake),
        CU_CASE(test_the_brake_holds_nothing_of_those_that_have_told_all_anew),
        CU_CASE(test_the_brake_holds_only_the_share_of_those_that_were_lost),
        CU_CASE(test_a_table_that_is_told_again_starts_no_second_hold),
        CU_CASE(test_with_every_nva_lost_nothing_goes_ever),
        CU_CASE(test_the_other_node_takes_over_without_a_removal),
        CU_CASE(test_a_node_that_hears_no_nva_is_left_for_one_that_does),
        CU_CASE(test_what_the_other_node_said_was_withdrawn_goes_when_it_takes_over),
        CU_CASE(test_what_was_withdrawn_and_told_again_is_lost_at_most),
        CU_CASE(test_a_node_that_has_not_converged_is_better_than_one_that_is_gone),
        CU_CASE(test_a_node_that_has_not_converged_adds_and_removes_nothing_by_absence),
        CU_CASE(test_a_node_that_has_not_converged_takes_nothing_that_another_one_brought),
        CU_CASE(test_a_node_that_has_not_converged_takes_nothing_that_another_one_is_about_to_bring),
        CU_CASE(test_what_replaces_it_once_more_does_so_at_any_moment),
        CU_CASE(test_what_stood_before_comes_back_when_that_goes_which_replaced_it),
        CU_CASE(test_what_is_told_again_before_it_is_gone_stays),
        CU_CASE(test_what_replaced_it_stays_when_all_have_spoken),
        CU_CASE(test_what_they_have_not_told_who_have_told_all_waits_for_no_other_nva),
        CU_CASE(test_what_replaced_it_gives_way_to_what_stood_before),
        CU_CASE(test_who_has_told_all_and_is_gone_counts_no_more_at_once),
        CU_CASE(test_an_inherited_route_goes_when_those_have_told_all_that_it_leads_to),
        CU_CASE(test_a_node_that_has_named_them_all_takes_one_away),
        CU_CASE(test_a_node_that_had_named_them_all_takes_them_away_when_it_is_followed),
        CU_CASE(test_a_node_that_has_not_named_the_latest_takes_nothing_away),
        CU_CASE(test_a_node_that_waits_for_one_nva_may_still_say_what_is_lost),
        CU_CASE(test_a_node_that_is_back_takes_nothing_that_stood_before_it),
        CU_CASE(test_a_table_that_does_not_add_up_is_asked_for_again))
