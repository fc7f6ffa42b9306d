/* Adj-RIB-Out: what every member reads, decoded, against a plain model of what it is to have.
 *
 * Routes are told apart by a community, unique for each announcement, which passes through every
 * way of writing. A member is played by a decoder with a table; whatever the order of announcements,
 * joins, pulls and pauses, its table must be the model's once all is read. */
#include "bgp/adjout.h"

#include <stdlib.h>

#include "bgp/adjout_impl.h"
#include "bgp/msg.h"
#include "tests/lib/cu.h"
#include "tests/lib/rib_lab.h"

enum {
    NETS = 24,
    PULL_MAX = 256 * 1024,
    TOO_LONG = 4080, /* padding that leaves no room in 4096 octets */
    NO_EXPORT_TYPE = 1,
};

struct heard {    /* of one net by one member */
    uint32_t tag; /* 0 = nothing */
    uint32_t path_len;
    struct ip_addr next_hop;
};

struct player {
    struct adjout_member *member;
    struct adjout_rules rules;
    struct heard table[NETS];
    unsigned marks[3]; /* ROUTE-REFRESH by subtype */
    unsigned ends_of_rib, messages, announced, withdrawn, longest;
};

struct model { /* one NVA's path to one net */
    uint32_t tag;
    uint8_t path_len;
    bool no_export, too_long;
};

struct stage {
    struct lab l;
    struct adjout *adjout;
    struct player players[LAB_NVAS][BGP_FAMILIES];
    struct model paths[LAB_NVAS][BGP_FAMILIES][NETS];
    uint32_t tags;
    uint8_t *buf;
};

/* 1..3 transparent, 4 and 5 azure, 6 with two-octet AS numbers, 7 with all that can be agreed on. */
static struct adjout_rules rules_of(uint16_t nva, uint8_t family)
{
    struct adjout_rules r = { .family = (enum bgp_family)family,
                              .codec = { .as4 = nva != 6,
                                         .family = { true, true },
                                         .enhanced_refresh = nva == 7,
                                         .max_message = nva == 7 ? 65535 : 4096 },
                              .export = { .transparent = nva < 4, .local_asn = 64500 },
                              .self_next_hop = { .family = family, .bytes = { 10, 9, 9, 9 } },
                              .from_types = UINT8_MAX };
    if (nva == 5)
        r.from_types = (uint8_t) ~(1u << NO_EXPORT_TYPE);
    return r;
}

static struct stage *stage_open(void)
{
    struct stage *s = calloc(1, sizeof *s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    lab_open(&s->l, 8, false);
    s->l.nvas[2].type = NO_EXPORT_TYPE;
    s->adjout = adjout_new(&s->l.rib);
    s->buf = malloc(PULL_MAX);
    return s;
}

static void join(struct stage *s, uint16_t nva, uint8_t family)
{
    struct player *p = &s->players[nva][family];
    memset(p, 0, sizeof *p);
    p->rules = rules_of(nva, family);
    p->member = adjout_join(s->adjout, &p->rules, nva);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->member);
}

static void leave(struct stage *s, uint16_t nva, uint8_t family)
{
    adjout_leave(s->players[nva][family].member);
    s->players[nva][family].member = NULL;
}

static void stage_close(struct stage *s)
{
    for (uint16_t nva = 1; nva < LAB_NVAS; nva++)
        for (uint8_t f = 0; f < BGP_FAMILIES; f++)
            if (s->players[nva][f].member)
                leave(s, nva, f);
    for (uint8_t o = 0; o < RIB_ORIGINS; o++)
        rib_origin_drop(&s->l.rib, o, RIB_ANY);
    CU_ASSERT_EQUAL(s->l.rib.attrs.records.count, 0); /* no reference is left behind */
    adjout_free(s->adjout);
    lab_close(&s->l);
    free(s->buf);
    free(s);
}

/* ---- the RIB's side ---- */

static uint32_t announce(struct stage *s, struct lab_route r)
{
    struct model *m = &s->paths[r.nva][r.family][r.net];
    const uint32_t no_export = 0xffffff01;
    *m = (struct model){ .tag = ++s->tags, .path_len = r.path_len };
    m->no_export = r.community == no_export;
    m->too_long = r.padding >= TOO_LONG;
    if (!r.community)
        r.community = m->tag;
    lab_announce(&s->l, r);
    return m->tag;
}

static void withdraw(struct stage *s, struct lab_route r)
{
    s->paths[r.nva][r.family][r.net] = (struct model){ 0 };
    lab_withdraw(&s->l, r);
}

static void lose(struct stage *s, uint16_t nva)
{
    memset(s->paths[nva], 0, sizeof s->paths[nva]);
    lab_session(&s->l, LAB_SELF, nva, RIB_SESSION_DOWN, 1);
}

static void reap(struct stage *s)
{
    uint64_t slowest = adjout_slowest(s->adjout);
    for (uint32_t i = 0, net; i < 64 && (net = rib_next_dying(&s->l.rib, slowest)); i++) {
        if (adjout_holds(s->adjout, net))
            rib_net_keep(&s->l.rib, net);
        else
            rib_net_free(&s->l.rib, net);
    }
}

/* ---- the member's side ---- */

static uint32_t tag_of(const struct bgp_attrs *a)
{
    struct wire_reader r = wire_reader(a->bytes, a->len);
    struct bgp_attr_view v;
    while (bgp_attrs_next(&r, &v))
        if (v.type == BGP_ATTR_COMMUNITIES)
            return wire_get32(v.value);
    return UINT32_MAX; /* of the configuration */
}

static uint32_t net_of(const struct ip_prefix *p)
{
    const uint8_t *last = p->bytes + (p->family == BGP_IP4 ? 1 : 13);
    CU_ASSERT_FATAL(p->len == (p->family == BGP_IP4 ? 32 : 128) && last[2] < NETS);
    return last[2];
}

static void take(struct player *p, const struct bgp_update *u)
{
    struct ip_prefix prefix;
    uint32_t id;
    for (int i = 0; i < u->withdrawn_count; i++) {
        struct bgp_nlri n = u->withdrawn[i];
        for (; bgp_nlri_next(&n, &prefix, &id); p->withdrawn++)
            p->table[net_of(&prefix)].tag = 0;
    }
    for (int i = 0; i < u->reach_count; i++) {
        struct bgp_nlri n = u->reach[i];
        for (; bgp_nlri_next(&n, &prefix, &id); p->announced++)
            p->table[net_of(&prefix)] = (struct heard){ .tag = tag_of(&u->attrs[i]),
                                                        .path_len = u->attrs[i].path_len,
                                                        .next_hop = u->attrs[i].next_hop };
    }
}

static void read_messages(struct player *p, const uint8_t *at, size_t len)
{
    struct bgp_update_context ctx = { .codec = &p->rules.codec, .any_first_as = true };
    struct arena arena = { 0 };
    struct bgp_fault fault;
    struct bgp_message m;
    while (len) {
        int n = bgp_message_scan(at, len, p->rules.codec.max_message, &m, &fault);
        CU_ASSERT_FATAL(n > 0 && (m.type == BGP_UPDATE || m.type == BGP_ROUTE_REFRESH));
        at += n;
        len -= (size_t)n;
        if (m.type == BGP_ROUTE_REFRESH) {
            p->marks[m.body[2]]++;
            continue;
        }
        struct bgp_update u;
        arena_reset(&arena);
        CU_ASSERT_EQUAL_FATAL(bgp_update_decode(m.body, m.body_len, &ctx, &arena, &u), 0);
        CU_ASSERT_EQUAL_FATAL(u.fault.action, BGP_ACTION_NONE);
        p->ends_of_rib += u.end_of_rib != 0;
        p->messages++;
        p->longest = (unsigned)n > p->longest ? (unsigned)n : p->longest;
        take(p, &u);
    }
    arena_fini(&arena);
}

static size_t pull(struct stage *s, uint16_t nva, uint8_t family, size_t cap)
{
    struct player *p = &s->players[nva][family];
    s->buf[cap] = 0xa5; /* nothing is written past what was allowed */
    size_t n = adjout_pull(p->member, s->buf, cap);
    CU_ASSERT_FATAL(n <= cap && s->buf[cap] == 0xa5);
    read_messages(p, s->buf, n);
    return n;
}

static void settle(struct stage *s)
{
    lab_decide(&s->l);
    while (adjout_work(s->adjout, 64))
        ;
    for (uint16_t nva = 1; nva < LAB_NVAS; nva++)
        for (uint8_t f = 0; f < BGP_FAMILIES; f++)
            while (s->players[nva][f].member && adjout_has_output(s->players[nva][f].member))
                CU_ASSERT_FATAL(pull(s, nva, f, 70000) ||
                                !adjout_has_output(s->players[nva][f].member));
}

/* ---- the model ---- */

static bool may_have(const struct stage *s, uint16_t nva, uint8_t family, uint16_t from,
                     uint32_t net)
{
    const struct model *m = &s->paths[from][family][net];
    const struct adjout_rules *rules = &s->players[nva][family].rules;
    return m->tag && from != nva && !m->no_export && rules->from_types & 1u << s->l.nvas[from].type;
}

/* The NVA whose path this member is to be told, -1 = none: the decision without all it may not have. */
static int expected(const struct stage *s, uint16_t nva, uint8_t family, uint32_t net)
{
    int best = -1;
    for (uint16_t from = 1; from < LAB_NVAS; from++)
        if (may_have(s, nva, family, from, net) &&
            (best < 0 ||
             s->paths[from][family][net].path_len < s->paths[best][family][net].path_len))
            best = from;
    if (best >= 0 && s->paths[best][family][net].too_long &&
        s->players[nva][family].rules.codec.max_message == 4096)
        return -1;
    return best;
}

static void check_player(const struct stage *s, uint16_t nva, uint8_t family)
{
    const struct player *p = &s->players[nva][family];
    for (uint32_t net = 0; net < NETS; net++) {
        int from = expected(s, nva, family, net);
        const struct model *m = &s->paths[from < 0 ? 0 : from][family][net];
        const struct heard *h = &p->table[net];
        CU_ASSERT_EQUAL_FATAL(h->tag, from < 0 ? 0 : m->tag);
        if (from < 0)
            continue;
        CU_ASSERT_EQUAL_FATAL(h->path_len, m->path_len + !p->rules.export.transparent);
        CU_ASSERT_EQUAL_FATAL(h->next_hop.bytes[family == BGP_IP4 ? 3 : 15], from);
    }
}

static void check_all(const struct stage *s)
{
    for (uint16_t nva = 1; nva < LAB_NVAS; nva++)
        for (uint8_t f = 0; f < BGP_FAMILIES; f++)
            if (s->players[nva][f].member)
                check_player(s, nva, f);
}

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
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].table[0].tag, second);
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
    CU_ASSERT_NOT_EQUAL(s->players[3][BGP_IP4].table[0].tag, 0);
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
    CU_ASSERT_NOT_EQUAL(s->players[5][BGP_IP4].table[0].tag, 0);
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
    CU_ASSERT_EQUAL(able->table[0].next_hop.family, BGP_IP6);
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
        const struct heard *h = &s->players[nva][BGP_IP4].table[3];
        CU_ASSERT_EQUAL(h->tag, UINT32_MAX);
        CU_ASSERT_EQUAL(h->next_hop.bytes[3], 9);
        CU_ASSERT_EQUAL(h->path_len, nva == 4); /* azure prepends, even to an empty path */
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
    size_t n = adjout_pull(s->players[3][BGP_IP4].member, s->buf, PULL_MAX - 1);
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
    CU_ASSERT_EQUAL(s->players[1][BGP_IP4].table[1].tag, 0);
    CU_ASSERT(s->players[7][BGP_IP4].longest > 4096);
    CU_ASSERT(s->players[1][BGP_IP4].member->group->too_long > 0);
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
    uint32_t to_1 = adjout_told(s->players[1][BGP_IP4].member, net);
    uint32_t to_2 = adjout_told(s->players[2][BGP_IP4].member, net);
    CU_ASSERT_EQUAL(tag_of(bgp_attrs_get(t, to_1)), s->paths[2][BGP_IP4][0].tag);
    CU_ASSERT_EQUAL(tag_of(bgp_attrs_get(t, to_2)), s->paths[3][BGP_IP4][0].tag);
    struct adjout_stats stats = adjout_stats(s->players[1][BGP_IP4].member);
    CU_ASSERT_EQUAL(stats.announced, s->players[1][BGP_IP4].announced);
    CU_ASSERT_EQUAL(stats.messages, s->players[1][BGP_IP4].messages);
    stage_close(s);
}

/* ---- all of it at random ---- */

enum { ROUNDS = 60, STEPS = 250 };

static uint32_t random_below(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % below;
}

static void random_route_change(struct stage *s, uint64_t *seed)
{
    struct lab_route r = { .nva = (uint16_t)(1 + random_below(seed, LAB_NVAS - 1)),
                           .net = random_below(seed, NETS),
                           .family = (uint8_t)random_below(seed, 2),
                           .path_len = (uint8_t)(1 + random_below(seed, 3)) };
    if (random_below(seed, 3) == 0) {
        withdraw(s, r);
        return;
    }
    if (random_below(seed, 8) == 0)
        r.community = 0xffffff01;
    if (random_below(seed, 6) == 0)
        r.padding = random_below(seed, 4) ? 3500 : TOO_LONG;
    announce(s, r);
}

static void random_membership(struct stage *s, uint64_t *seed)
{
    uint16_t nva = (uint16_t)(1 + random_below(seed, LAB_NVAS - 1));
    uint8_t family = (uint8_t)random_below(seed, 2);
    struct player *p = &s->players[nva][family];
    if (!p->member)
        join(s, nva, family);
    else if (random_below(seed, 3) == 0)
        leave(s, nva, family);
    else if (random_below(seed, 3) == 0)
        adjout_refresh(p->member);
    else if (random_below(seed, 2) == 0) {
        p->rules.from_types ^= 1u << NO_EXPORT_TYPE; /* what it may have changes */
        p->member = adjout_move(p->member, &p->rules);
    }
}

static void random_pull(struct stage *s, uint64_t *seed)
{
    uint16_t nva = (uint16_t)(1 + random_below(seed, LAB_NVAS - 1));
    uint8_t family = (uint8_t)random_below(seed, 2);
    static const uint32_t caps[] = { 0, 20, 100, 4096, 5000, 66000 };
    if (s->players[nva][family].member)
        pull(s, nva, family, caps[random_below(seed, sizeof caps / sizeof *caps)]);
}

static void random_step(struct stage *s, uint64_t *seed)
{
    struct rib_change change;
    uint32_t what = random_below(seed, 100), net;
    if (what < 50)
        random_route_change(s, seed);
    else if (what < 53)
        random_membership(s, seed);
    else if (what < 54)
        lose(s, (uint16_t)(1 + random_below(seed, LAB_NVAS - 1)));
    else if (what < 70)
        random_pull(s, seed);
    else if (what < 80)
        adjout_work(s->adjout, 1 + random_below(seed, 8));
    else if (what < 84)
        reap(s);
    else if ((net = rib_next_dirty(&s->l.rib)) != 0) {
        CU_ASSERT_EQUAL_FATAL(rib_decide(&s->l.rib, net, &change), 0);
        nhset_unref(&s->l.rib.sets, change.old_nhset);
    }
}

static void test_every_members_table_is_the_models_whatever_happens(void)
{
    for (uint64_t run = 1; run <= 8; run++) {
        struct stage *s = stage_open();
        uint64_t seed = run;
        for (int round = 0; round < ROUNDS; round++) {
            for (int step = 0; step < STEPS; step++)
                random_step(s, &seed);
            settle(s);
            check_all(s);
        }
        stage_close(s);
    }
}

CU_MAIN("adjout", CU_CASE(test_a_member_that_joins_gets_all_and_then_end_of_rib),
        CU_CASE(test_an_empty_rib_is_told_by_end_of_rib_alone),
        CU_CASE(test_nobody_gets_its_own_route_and_nobody_misses_another),
        CU_CASE(test_a_best_path_that_stays_here_hides_no_other), CU_CASE(test_routes_of_other_types_hide_no_other),
        CU_CASE(test_an_ipv6_next_hop_for_ipv4_goes_only_where_it_was_negotiated),
        CU_CASE(test_the_configurations_prefixes_get_the_groups_next_hop),
        CU_CASE(test_equal_attributes_share_messages), CU_CASE(test_withdrawals_come_before_announcements),
        CU_CASE(test_a_route_that_fits_no_message_is_withdrawn_and_counted),
        CU_CASE(test_a_refresh_tells_everything_once_more_between_marks_where_agreed),
        CU_CASE(test_a_refresh_loses_no_withdrawal_that_was_not_read),
        CU_CASE(test_a_withdrawal_during_the_first_walk_is_told),
        CU_CASE(test_a_member_that_does_not_read_falls_behind_and_holds_up_nobody),
        CU_CASE(test_what_a_member_was_told_can_be_asked),
        CU_CASE(test_every_members_table_is_the_models_whatever_happens))
