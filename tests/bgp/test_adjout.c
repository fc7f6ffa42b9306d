/* Update groups where one path of a net is told: what every member reads against a plain model. */
#include "bgp/adjout/adjout.h"

#include "tests/lib/adjout_lab.h"

/* ---- one thing at a time ---- */

static void test_a_member_that_joins_gets_all_and_then_end_of_rib(void)
{
    struct stage *s = stage_open();
    for (uint32_t net = 0; net < NETS; net++)
        announce(s, (struct lab_route){ .nva = 2, .net = net, .path_len = 1 });
    join(s, 1, BGP_IP4);
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].ends_of_rib, 1);
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 2 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].ends_of_rib, 1);
    stage_close(s);
}

static void test_an_empty_rib_is_told_by_end_of_rib_alone(void)
{
    struct stage *s = stage_open();
    join(s, 1, BGP_IP4);
    join(s, 1, BGP_IP6);
    settle(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].messages, 1);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].ends_of_rib, 1);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP6].ends_of_rib, 1);
    stage_close(s);
}

/* Its UPDATEs come with the KEEPALIVE that brings the session up. */
static void test_what_a_new_member_announces_itself_is_not_withdrawn_from_it(void)
{
    struct stage *s = stage_open();
    join(s, 1, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 1 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].withdrawn, 0);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].ends_of_rib, 1);
    stage_close(s);
}

/* RFC 7947 section 2.3: the owner of the best path is told the best of the others, and when owners
 * change places so do the exceptions. */
static void test_nobody_gets_its_own_route_and_nobody_misses_another(void)
{
    struct stage *s = stage_open();
    for (uint16_t nva = 1; nva <= 3; nva++)
        join(s, nva, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 1 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].announced, 0);
    uint32_t second = announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 2 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 0), second);
    CU_ASSERT_EQUAL(s->players[3][BGP_IP4].announced,
                    1); /* the best is as before: not said again */
    announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 3 });
    settle(s);
    check_all(s);
    withdraw(s, (struct lab_route){ .nva = 2, .net = 0 });
    settle(s);
    check_all(s);
    withdraw(s, (struct lab_route){ .nva = 1, .net = 0 });
    settle(s);
    check_all(s);
    stage_close(s);
}

/* RFC 4271 section 3.1: withdrawn is what was advertised before. */
static void test_what_nobody_was_told_is_withdrawn_from_nobody(void)
{
    struct stage *s = stage_open();
    for (uint16_t nva = 1; nva <= 3; nva++)
        join(s, nva, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 1, .net = 1, .path_len = 1, .via = 2 });
    announce(s, (struct lab_route){ .nva = 1, .net = 2, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 3, .net = 2, .path_len = 2 });
    settle(s);
    for (uint32_t net = 0; net < 3; net++)
        withdraw(s, (struct lab_route){ .nva = 1, .net = net });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].withdrawn, 0);
    CU_ASSERT_EQUAL(s->players[2][BGP_IP4].withdrawn, 1);
    CU_ASSERT_EQUAL(s->players[3][BGP_IP4].withdrawn, 3);
    withdraw(s, (struct lab_route){ .nva = 3, .net = 2 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].withdrawn, 1);
    CU_ASSERT_EQUAL(s->players[3][BGP_IP4].withdrawn, 3);
    stage_close(s);
}

/* RFC 1997: a route that stays here must not hide one that may go out. */
static void test_a_best_path_that_stays_here_hides_no_other(void)
{
    struct stage *s = stage_open();
    const uint32_t no_export = 0xffffff01;
    join(s, 3, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 1, .community = no_export });
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 2, .community = no_export });
    announce(s, (struct lab_route){ .nva = 4, .net = 0, .path_len = 3 });
    settle(s);
    check_all(s);
    CU_ASSERT_NOT_EQUAL(tag_heard(&s->players[3][BGP_IP4], 0), 0);
    announce(s,
             (struct lab_route){ .nva = 4, .net = 0, .path_len = 4 }); /* neither best nor second */
    settle(s);
    check_all(s);
    withdraw(s, (struct lab_route){ .nva = 4, .net = 0 });
    settle(s);
    check_all(s);
    stage_close(s);
}

static void test_routes_of_other_types_hide_no_other(void)
{
    struct stage *s = stage_open();
    join(s, 5, BGP_IP4); /* may not have routes of type 1: NVA 2's */
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 5, .net = 0, .path_len = 2 });
    announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 3 });
    settle(s);
    check_all(s);
    CU_ASSERT_NOT_EQUAL(tag_heard(&s->players[5][BGP_IP4], 0), 0);
    announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 4 });
    settle(s);
    check_all(s);
    stage_close(s);
}

/* RFC 8950: IPv4 routes with IPv6 next hops are for those who can read them. */
static void test_an_ipv6_next_hop_for_ipv4_goes_only_where_it_was_negotiated(void)
{
    struct stage *s = stage_open();
    struct lab_route r = { .nva = 2, .net = 0, .path_len = 1, .family = BGP_IP6 };
    uint32_t id = lab_attrs(&s->l, &r);
    struct ip_prefix p = lab_prefix(BGP_IP4, 0);
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    leave(s, 3, BGP_IP4);
    struct player *able = &s->players[3][BGP_IP4];
    able->rules.codec.ext_next_hop = true;
    able->member = adjout_join(s->adjout, &able->rules, 3);
    CU_ASSERT_EQUAL(rib_announce(&s->l.rib, LAB_SELF, 2, &p, 0, id), 0);
    bgp_attrs_unref(&s->l.rib.attrs, id);
    settle(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].announced, 0);
    CU_ASSERT_EQUAL(able->announced, 1);
    CU_ASSERT_EQUAL(heard_one(able, 0)->next_hop.family, BGP_IP6);
    stage_close(s);
}

/* RFC 2545 section 3. The sender has fd00::1. */
static void test_a_link_local_next_hop_goes_only_to_its_own_link(void)
{
    static const struct ip_addr links[] = { { .family = BGP_IP6, .bytes = { 0xfd } },
                                            { .family = BGP_IP6, .bytes = { 0xfd, [7] = 1 } },
                                            { .family = BGP_IP4, .bytes = { 0xfd } } };
    struct stage *s = stage_open();
    for (uint16_t i = 0; i < 3; i++) {
        struct player *p = &s->players[3 + i][BGP_IP6];
        join(s, 3 + i, BGP_IP6);
        leave(s, 3 + i, BGP_IP6);
        p->rules.link = links[i];
        p->member = adjout_join(s->adjout, &p->rules, 3 + i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p->member);
    }
    announce(s, (struct lab_route){ .nva = 1, .net = 4, .path_len = 1, .family = BGP_IP6, .has_link_local = true });
    settle(s);
    for (uint16_t i = 0; i < 3; i++) {
        const struct heard *h = heard_one(&s->players[3 + i][BGP_IP6], 4);
        CU_ASSERT_EQUAL(h->next_hop.bytes[15], 1);
        CU_ASSERT_EQUAL(h->link_local.bytes[15], i == 0 ? 1 : 0);
    }
    stage_close(s);
}

static void test_the_configurations_prefixes_get_the_groups_next_hop(void)
{
    struct stage *s = stage_open();
    join(s, 1, BGP_IP4);
    join(s, 4, BGP_IP4);
    lab_announce(&s->l, (struct lab_route){ .nva = 0, .net = 3 });
    announce(s, (struct lab_route){ .nva = 1, .net = 3, .path_len = 1 });
    settle(s);
    for (uint16_t nva = 1; nva <= 4; nva += 3) {
        const struct heard *h = heard_one(&s->players[nva][BGP_IP4], 3);
        CU_ASSERT_EQUAL(h->tag, UINT32_MAX);
        CU_ASSERT_EQUAL(h->next_hop.bytes[3], 9);
        CU_ASSERT_EQUAL(h->path_len, 1); /* transparent or not: it is ours, RFC 4271 section 5.1.2 */
    }
    stage_close(s);
}

static void test_equal_attributes_share_messages(void)
{
    struct stage *s = stage_open();
    join(s, 1, BGP_IP4);
    join(s, 1, BGP_IP6);
    for (uint32_t net = 0; net < NETS; net++)
        for (uint8_t f = 0; f < BGP_FAMILIES; f++)
            lab_announce(
                &s->l,
                (struct lab_route){
                    .nva = 2, .net = net, .family = f, .path_len = 1, .community = 1 + net % 2 });
    settle(s);
    for (uint8_t f = 0; f < BGP_FAMILIES; f++) {
        CU_ASSERT_EQUAL(s->players[1][f].announced, NETS);
        CU_ASSERT_EQUAL(s->players[1][f].messages, 2 + 1); /* one a set, and End-of-RIB */
    }
    stage_close(s);
}

static void test_withdrawals_come_before_announcements(void)
{
    struct stage *s = stage_open();
    join(s, 3, BGP_IP4);
    join(s, 1, BGP_IP4);
    for (uint32_t net = 0; net < 4; net++)
        announce(s, (struct lab_route){ .nva = 1, .net = net, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 2, .net = 5, .path_len = 1 });
    settle(s);
    announce(s, (struct lab_route){ .nva = 1, .net = 9, .path_len = 1 });
    withdraw(s, (struct lab_route){ .nva = 1, .net = 0 });
    withdraw(s, (struct lab_route){ .nva = 2, .net = 5 });
    announce(s, (struct lab_route){ .nva = 1, .net = 8, .path_len = 2 });
    lab_decide(&s->l);
    adjout_work(s->adjout, 64);
    unsigned steps = PULL_STEPS;
    size_t n = adjout_pull(s->players[3][BGP_IP4].member, s->buf, PULL_MAX - 1, &steps);
    /* RFC 4271 section 4.3: the length of the withdrawn routes stands behind the header */
    CU_ASSERT_FATAL(n > 2 * BGP_HEADER && wire_get16(s->buf + BGP_HEADER) > 0);
    size_t first = wire_get16(s->buf + 16);
    bool second_withdraws = wire_get16(s->buf + first + BGP_HEADER) > 0;
    read_messages(&s->players[3][BGP_IP4], s->buf, n);
    CU_ASSERT(s->players[3][BGP_IP4].withdrawn == 2 || second_withdraws);
    settle(s);
    check_all(s);
    stage_close(s);
}

/* RFC 8654 section 4: better without this route than without the session. */
static void test_a_route_that_fits_no_message_is_withdrawn_and_counted(void)
{
    struct stage *s = stage_open();
    join(s, 1, BGP_IP4);
    join(s, 7, BGP_IP4); /* extended messages (RFC 8654) */
    announce(s, (struct lab_route){ .nva = 2, .net = 1, .path_len = 1 });
    settle(s);
    check_all(s);
    announce(s, (struct lab_route){ .nva = 2, .net = 1, .path_len = 1, .padding = TOO_LONG });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 1), 0);
    CU_ASSERT(s->players[7][BGP_IP4].longest > 4096);
    struct adjout_stats told = adjout_stats(s->players[1][BGP_IP4].member);
    CU_ASSERT(told.too_long > 0);
    CU_ASSERT_EQUAL(told.too_long_net, lab_net(&s->l, BGP_IP4, 1));
    CU_ASSERT_EQUAL(adjout_stats(s->players[7][BGP_IP4].member).too_long, 0);
    stage_close(s);
}

static void test_a_refresh_tells_everything_once_more_between_marks_where_agreed(void)
{
    struct stage *s = stage_open();
    struct player *plain = &s->players[1][BGP_IP4], *p = &s->players[7][BGP_IP4];
    join(s, 1, BGP_IP4);
    join(s, 7, BGP_IP4);
    for (uint32_t net = 0; net < NETS; net++)
        announce(s, (struct lab_route){ .nva = 2, .net = net, .path_len = 1 });
    adjout_refresh(p->member); /* while the first telling goes on: it starts over, unmarked */
    settle(s);
    CU_ASSERT(p->marks[1] == 0 && p->marks[2] == 0 && p->ends_of_rib == 1);
    adjout_refresh(plain->member);
    adjout_refresh(p->member);
    memset(plain->table, 0, sizeof plain->table);
    memset(p->table, 0, sizeof p->table);
    CU_ASSERT(pull(s, 7, BGP_IP4, 31) == 0 && p->marks[1] == 0); /* no room, nothing is lost */
    settle(s);
    CU_ASSERT(p->marks[1] == 1 && p->marks[2] == 1 && p->ends_of_rib == 1);
    CU_ASSERT_EQUAL(plain->marks[1], 0);
    check_all(s);
    stage_close(s);
}

/* A withdrawal that stands unread in the log must survive that the member is sent back to a walk:
 * the net may not be forgotten before. */
static void test_a_refresh_loses_no_withdrawal_that_was_not_read(void)
{
    struct stage *s = stage_open();
    join(s, 1, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 2, .net = 4, .path_len = 1 });
    settle(s);
    withdraw(s, (struct lab_route){ .nva = 2, .net = 4 });
    lab_decide(&s->l);
    while (adjout_work(s->adjout, 64))
        ;
    reap(s);
    adjout_refresh(s->players[1][BGP_IP4].member);
    reap(s);
    settle(s);
    check_all(s);
    stage_close(s);
}

/* A member in its first walk was told of a net already when that net goes: the walk must say so. */
static void test_a_withdrawal_during_the_first_walk_is_told(void)
{
    struct stage *s = stage_open();
    for (uint32_t net = 0; net < NETS; net++) /* one message each, so the walk takes many pulls */
        announce(s, (struct lab_route){ .nva = 2, .net = net, .path_len = 1, .padding = 3500 });
    lab_decide(&s->l);
    join(s, 1, BGP_IP4);
    while (adjout_work(s->adjout, 64))
        ;
    pull(s, 1, BGP_IP4, 5000);
    pull(s, 1, BGP_IP4, 5000);
    for (uint32_t net = 0; net < NETS; net++)
        withdraw(s, (struct lab_route){ .nva = 2, .net = net });
    lab_decide(&s->l);
    while (adjout_work(s->adjout, 64))
        ;
    reap(s);
    settle(s);
    check_all(s);
    CU_ASSERT(s->players[1][BGP_IP4].announced > 0);
    stage_close(s);
}

static void test_a_member_that_does_not_read_falls_behind_and_holds_up_nobody(void)
{
    struct stage *s = stage_open();
    struct player *sloth = &s->players[1][BGP_IP4], *other = &s->players[3][BGP_IP4];
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    settle(s);
    for (uint32_t round = 0; round < 2 * ADJOUT_LOG_MAX / 3500; round++) {
        announce(
            s, (struct lab_route){ .nva = 2, .net = round % NETS, .path_len = 1, .padding = 3500 });
        if (round % 5 == 0)
            withdraw(s, (struct lab_route){ .nva = 2, .net = (round + 7) % NETS });
        lab_decide(&s->l);
        while (adjout_work(s->adjout, 64))
            ;
        while (pull(s, 3, BGP_IP4, 8192))
            ;
        reap(s);
        CU_ASSERT_FATAL(other->member->group->log.cap <= ADJOUT_LOG_MAX);
    }
    check_player(s, 3, BGP_IP4);
    CU_ASSERT_FALSE(sloth->member->attached);
    CU_ASSERT_EQUAL(sloth->messages, 1); /* End-of-RIB only so far */
    settle(s);
    check_all(s);
    CU_ASSERT(sloth->member->attached);
    CU_ASSERT(sloth->messages < 2 * NETS + 2); /* each net once, at its latest */
    stage_close(s);
}

/* RFC 7947 section 2.3 for what the receiver itself would refuse: RFC 4271 section 9.1.2, AS loop. */
static void test_a_path_through_the_receivers_own_as_hides_no_other(void)
{
    struct stage *s = stage_open();
    for (uint16_t nva = 1; nva <= 4; nva++)
        join(s, nva, BGP_IP4);
    uint32_t loop = announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 2, .first_as = 65001 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 0), loop); /* no other: it may allow its own AS */
    uint32_t other = announce(s, (struct lab_route){ .nva = 3, .net = 0, .path_len = 3 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 0), other);
    CU_ASSERT_EQUAL(tag_heard(&s->players[4][BGP_IP4], 0), loop);
    CU_ASSERT_EQUAL(s->players[4][BGP_IP4].announced, 1); /* nothing has changed for it */
    announce(s, (struct lab_route){ .nva = 4, .net = 0, .path_len = 4 }); /* neither best nor second */
    withdraw(s, (struct lab_route){ .nva = 3, .net = 0 });
    settle(s);
    check_all(s);
    withdraw(s, (struct lab_route){ .nva = 2, .net = 0 });
    settle(s);
    check_all(s);
    stage_close(s);
}

/* RFC 4271 section 5.1.3: a next hop that is the receiver's own address is of no use to it. */
static void test_a_path_that_leads_back_to_the_receiver_is_not_told_to_it_and_hides_no_other(void)
{
    struct stage *s = stage_open();
    for (uint16_t nva = 1; nva <= 4; nva++)
        join(s, nva, BGP_IP4);
    settle(s);
    uint32_t back = announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1, .via = 1 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].announced + s->players[1][BGP_IP4].withdrawn, 0);
    CU_ASSERT_EQUAL(tag_heard(&s->players[4][BGP_IP4], 0), back);
    uint32_t other = announce(s, (struct lab_route){ .nva = 3, .net = 0, .path_len = 3 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 0), other);
    CU_ASSERT_EQUAL(s->players[4][BGP_IP4].announced, 1); /* nothing has changed for it */
    uint32_t on = announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1, .via = 4 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 0), on);
    CU_ASSERT_EQUAL(tag_heard(&s->players[4][BGP_IP4], 0), other);
    withdraw(s, (struct lab_route){ .nva = 3, .net = 0 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[4][BGP_IP4], 0), 0);
    stage_close(s);
}

/* A neighbour of a prefix is not known before it calls; its number was another one's, may be. */
static void test_a_path_that_leads_to_who_comes_later_is_not_told_to_it(void)
{
    struct stage *s = stage_open();
    struct ip_addr *address = &s->l.nvas[1].address, later = *address;
    *address = (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 1, 2, 99 } };
    join(s, 2, BGP_IP4);
    join(s, 3, BGP_IP4);
    uint32_t back = announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1, .via = 1 });
    uint32_t other = announce(s, (struct lab_route){ .nva = 3, .net = 1, .path_len = 3 });
    announce(s, (struct lab_route){ .nva = 2, .net = 1, .path_len = 1, .via = 1 });
    settle(s);
    *address = later;
    join(s, 1, BGP_IP4);
    struct adjout_sent sent; /* nor is it seen as told to it before its walk */
    CU_ASSERT_EQUAL(adjout_told(s->players[1][BGP_IP4].member, lab_net(&s->l, BGP_IP4, 0), &sent), 0);
    CU_ASSERT_EQUAL(adjout_told(s->players[2][BGP_IP4].member, lab_net(&s->l, BGP_IP4, 1), &sent), 1);
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].announced, 1);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 1), other);
    CU_ASSERT_EQUAL(s->players[3][BGP_IP4].announced, 2); /* nothing has changed for it */
    leave(s, 1, BGP_IP4);
    *address = (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 1, 2, 98 } };
    join(s, 1, BGP_IP4);
    settle(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 0), back);
    CU_ASSERT_EQUAL(adjout_stats(s->players[1][BGP_IP4].member).current, 2);
    stage_close(s);
}

/* A neighbour of another name has come to an address whose last one is not forgotten yet. */
static void test_a_path_is_not_told_to_who_has_the_address_now(void)
{
    struct stage *s = stage_open();
    s->l.nvas[4].address = s->l.nvas[1].address;
    lab_session(&s->l, LAB_SELF, 4, RIB_SESSION_SYNCED, 1);
    for (uint16_t nva = 2; nva <= 4; nva++)
        join(s, nva, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1, .via = 1 });
    settle(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[4][BGP_IP4], 0), 0);
    CU_ASSERT_EQUAL(s->players[3][BGP_IP4].announced, 1);
    uint32_t other = announce(s, (struct lab_route){ .nva = 3, .net = 0, .path_len = 3 });
    settle(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[4][BGP_IP4], 0), other);
    stage_close(s);
}

/* Two firewalls in one AS: neither is to be told the other's path while a third way is there. */
static void test_nvas_of_one_as_are_told_the_way_of_a_third(void)
{
    struct stage *s = stage_open();
    s->l.nvas[2].asn = s->l.nvas[1].asn;
    CU_ASSERT_FATAL(adjout_expect_as(s->adjout, s->l.nvas[1].asn));
    for (uint16_t nva = 1; nva <= 3; nva++)
        join(s, nva, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 2, .first_as = 65001 });
    settle(s);
    check_all(s);
    uint32_t third = announce(s, (struct lab_route){ .nva = 4, .net = 0, .path_len = 3 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 0), third);
    CU_ASSERT_EQUAL(tag_heard(&s->players[2][BGP_IP4], 0), third);
    withdraw(s, (struct lab_route){ .nva = 4, .net = 0 });
    settle(s);
    check_all(s);
    stage_close(s);
}

/* RFC 8654 section 4. */
static void test_a_path_that_fits_no_message_hides_no_other(void)
{
    struct stage *s = stage_open();
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    join(s, 7, BGP_IP4); /* extended messages (RFC 8654) */
    announce(s, (struct lab_route){ .nva = 2, .net = 1, .path_len = 1, .padding = TOO_LONG });
    uint32_t short_one = announce(s, (struct lab_route){ .nva = 3, .net = 1, .path_len = 3 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[1][BGP_IP4], 1), short_one);
    CU_ASSERT_NOT_EQUAL(tag_heard(&s->players[7][BGP_IP4], 1), short_one);
    short_one = announce(s, (struct lab_route){ .nva = 4, .net = 1, .path_len = 2 });
    settle(s);
    check_all(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[3][BGP_IP4], 1), short_one);
    stage_close(s);
}

/* A path that nobody counts on any more, by evidence from elsewhere, goes from those who had it, too. */
static void test_a_third_path_that_is_disproved_is_told_no_longer(void)
{
    struct stage *s = stage_open();
    join(s, 5, BGP_IP4); /* may not have routes of type 1: NVA 2's */
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 5, .net = 0, .path_len = 2 });
    struct lab_route third = { .nva = 1, .net = 0, .path_len = 3 };
    announce(s, third);
    settle(s);
    check_all(s);
    rib_path(&s->l.rib, lab_path(&s->l, &third))->flags |= RIB_PATH_DISPROVED;
    rib_mark_dirty(&s->l.rib, lab_net(&s->l, BGP_IP4, 0));
    settle(s);
    CU_ASSERT_EQUAL(tag_heard(&s->players[5][BGP_IP4], 0), 0);
    stage_close(s);
}

static void test_a_group_without_members_goes_bit_by_bit(void)
{
    struct stage *s = stage_open();
    join(s, 1, BGP_IP4);
    for (uint32_t net = 0; net < NETS; net++)
        announce(s, (struct lab_route){ .nva = 2, .net = net, .path_len = 1 });
    settle(s);
    leave(s, 1, BGP_IP4);
    CU_ASSERT_FALSE(adjout_holds(s->adjout, lab_net(&s->l, BGP_IP4, 0)));
    unsigned turns = 1;
    while (adjout_work(s->adjout, 4))
        turns++;
    CU_ASSERT(turns >= NETS / 4);
    stage_close(s);
}

/* Nets that only the slowest has to be told the end of: it is lost, and holds nothing up any longer. */
static void test_the_slowest_can_be_given_up(void)
{
    struct stage *s = stage_open();
    join(s, 1, BGP_IP4);
    join(s, 3, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 2, .net = 4, .path_len = 1 });
    settle(s);
    adjout_give_up_slowest(s->adjout);
    CU_ASSERT_EQUAL(adjout_lost(s->adjout), 0); /* nobody lags */
    withdraw(s, (struct lab_route){ .nva = 2, .net = 4 });
    lab_decide(&s->l);
    while (adjout_work(s->adjout, 64))
        ;
    pull(s, 3, BGP_IP4, 8192);
    CU_ASSERT(adjout_slowest(s->adjout) < vlist_head(&s->l.rib.loc));
    adjout_give_up_slowest(s->adjout);
    CU_ASSERT_EQUAL(adjout_lost(s->adjout), 1);
    CU_ASSERT_TRUE(adjout_is_lost(s->players[1][BGP_IP4].member));
    CU_ASSERT_FALSE(adjout_has_output(s->players[1][BGP_IP4].member));
    CU_ASSERT_EQUAL(pull(s, 1, BGP_IP4, 8192), 0);
    CU_ASSERT_EQUAL(adjout_slowest(s->adjout), vlist_head(&s->l.rib.loc));
    leave(s, 1, BGP_IP4);
    CU_ASSERT_EQUAL(adjout_lost(s->adjout), 0);
    stage_close(s);
}

static void test_what_a_member_was_told_can_be_asked(void)
{
    struct stage *s = stage_open();
    join(s, 1, BGP_IP4);
    join(s, 2, BGP_IP4);
    announce(s, (struct lab_route){ .nva = 2, .net = 0, .path_len = 1 });
    announce(s, (struct lab_route){ .nva = 3, .net = 0, .path_len = 2 });
    settle(s);
    uint32_t net = lab_net(&s->l, BGP_IP4, 0);
    const struct bgp_attr_table *t = &s->l.rib.attrs;
    struct adjout_sent to_1, to_2;
    CU_ASSERT_EQUAL(adjout_told(s->players[1][BGP_IP4].member, net, &to_1), 1);
    CU_ASSERT_EQUAL(adjout_told(s->players[2][BGP_IP4].member, net, &to_2), 1);
    CU_ASSERT_EQUAL(tag_of(bgp_attrs_get(t, to_1.attrs)), s->paths[2][BGP_IP4][0][0].tag);
    CU_ASSERT_EQUAL(tag_of(bgp_attrs_get(t, to_2.attrs)), s->paths[3][BGP_IP4][0][0].tag);
    struct adjout_stats stats = adjout_stats(s->players[1][BGP_IP4].member);
    CU_ASSERT_EQUAL(stats.announced, s->players[1][BGP_IP4].announced);
    CU_ASSERT_EQUAL(stats.messages, s->players[1][BGP_IP4].messages);
    stage_close(s);
}

/* ---- ahead of the decision ---- */

/* A member's own route is the best, and what it is told instead is looked for among the paths that there are: one of them
 * comes and goes before the net is decided, to which it makes no difference. */
static void test_a_path_that_goes_before_it_was_decided_is_withdrawn(void)
{
    for (int is_lost = 0; is_lost < 2; is_lost++) {
        struct stage *s = stage_open();
        join(s, 1, BGP_IP4);
        announce(s, (struct lab_route){ .nva = 1, .net = 0, .path_len = 1 });
        lab_decide(&s->l);
        announce(s, (struct lab_route){ .nva = 3, .net = 0, .path_len = 2 });
        adjout_work(s->adjout, 64);
        pull(s, 1, BGP_IP4, 70000);
        CU_ASSERT(tag_heard(&s->players[1][BGP_IP4], 0) != 0);
        if (is_lost)
            lose(s, 3);
        else
            withdraw(s, (struct lab_route){ .nva = 3, .net = 0 });
        settle(s);
        check_all(s);
        stage_close(s);
    }
}

/* ---- all of it at random ---- */

static void play(uint64_t seed)
{
    struct stage *s = stage_open();
    play_at_random(s, seed, 60);
    stage_close(s);
}

static void test_every_members_table_is_the_models_whatever_happens(void)
{
    for (uint64_t seed = 1; seed <= 8; seed++)
        play(seed);
    play_new_tables(play);
}

CU_MAIN("adjout", CU_CASE(test_a_member_that_joins_gets_all_and_then_end_of_rib),
        CU_CASE(test_a_path_that_goes_before_it_was_decided_is_withdrawn),
        CU_CASE(test_an_empty_rib_is_told_by_end_of_rib_alone),
        CU_CASE(test_what_a_new_member_announces_itself_is_not_withdrawn_from_it),
        CU_CASE(test_nobody_gets_its_own_route_and_nobody_misses_another),
        CU_CASE(test_what_nobody_was_told_is_withdrawn_from_nobody),
        CU_CASE(test_a_best_path_that_stays_here_hides_no_other),
        CU_CASE(test_routes_of_other_types_hide_no_other),
        CU_CASE(test_an_ipv6_next_hop_for_ipv4_goes_only_where_it_was_negotiated),
        CU_CASE(test_a_link_local_next_hop_goes_only_to_its_own_link),
        CU_CASE(test_the_configurations_prefixes_get_the_groups_next_hop),
        CU_CASE(test_equal_attributes_share_messages),
        CU_CASE(test_withdrawals_come_before_announcements),
        CU_CASE(test_a_route_that_fits_no_message_is_withdrawn_and_counted),
        CU_CASE(test_a_refresh_tells_everything_once_more_between_marks_where_agreed),
        CU_CASE(test_a_refresh_loses_no_withdrawal_that_was_not_read),
        CU_CASE(test_a_withdrawal_during_the_first_walk_is_told),
        CU_CASE(test_a_member_that_does_not_read_falls_behind_and_holds_up_nobody),
        CU_CASE(test_a_path_through_the_receivers_own_as_hides_no_other),
        CU_CASE(test_a_path_that_leads_back_to_the_receiver_is_not_told_to_it_and_hides_no_other),
        CU_CASE(test_a_path_that_leads_to_who_comes_later_is_not_told_to_it),
        CU_CASE(test_a_path_is_not_told_to_who_has_the_address_now),
        CU_CASE(test_nvas_of_one_as_are_told_the_way_of_a_third),
        CU_CASE(test_a_path_that_fits_no_message_hides_no_other),
        CU_CASE(test_a_third_path_that_is_disproved_is_told_no_longer),
        CU_CASE(test_a_group_without_members_goes_bit_by_bit),
        CU_CASE(test_the_slowest_can_be_given_up),
        CU_CASE(test_what_a_member_was_told_can_be_asked),
        CU_CASE(test_every_members_table_is_the_models_whatever_happens))
