/* Adj-RIB-Out on a RIB of tests/lib/rib_lab.h: what every member reads, decoded, against a plain model of what
 * it is to have.
 *
 * Routes are told apart by a community, unique for each announcement, which passes through every way of
 * writing. A member is played by a decoder with a table; whatever the order of announcements, joins, pulls and
 * pauses, its table must be the model's once all is read. */
#ifndef TANDEM_TESTS_ADJOUT_LAB_H
#define TANDEM_TESTS_ADJOUT_LAB_H

#include <stdlib.h>
#include <time.h>

#include "bgp/adjout/adjout.h"
#include "bgp/adjout/adjout_impl.h"
#include "bgp/codec/msg.h"
#include "tests/lib/cu.h"
#include "tests/lib/rib_lab.h"

enum {
    NETS = 24,
    PULL_MAX = 256 * 1024,
    PULL_STEPS = 16384,
    TOO_LONG = 4080, /* padding that leaves no room in 4096 octets */
    NO_EXPORT_TYPE = 1,
    IDS = 3,         /* that one NVA sends of a net, by the name 0, 1000, 2000 */
    HEARD_MAX = LAB_NVAS * IDS,
    DROPPED_AS = 65003,
};

struct heard {    /* of one net by one member, under one path id */
    uint32_t tag; /* 0 = nothing */
    uint32_t path_id, path_len;
    struct ip_addr next_hop, link_local; /* the latter zero: none */
};

struct player {
    struct adjout_member *member;
    struct adjout_rules rules;
    struct heard table[NETS][HEARD_MAX];
    unsigned marks[3]; /* ROUTE-REFRESH by subtype */
    unsigned ends_of_rib, messages, announced, withdrawn, longest;
};

struct model { /* one NVA's path to one net */
    uint32_t tag, first_as;
    uint8_t path_len;
    uint8_t via; /* the NVA that it leads to, if it is another one; 0 = none */
    bool no_export, too_long;
};

struct stage {
    struct lab l;
    struct adjout *adjout;
    struct player players[LAB_NVAS][BGP_FAMILIES];
    struct model paths[LAB_NVAS][BGP_FAMILIES][NETS][IDS];
    uint32_t tags;
    uint32_t has_paths; /* bit per NVA */
    struct route_map *maps[2]; /* NULL, or: the first drops nets below 8; the second what goes through
                                * DROPPED_AS, and prepends an AS to the rest */
    uint8_t *buf;
};

/* 1..3 transparent, 4 and 5 azure, 6 with two-octet AS numbers, 7 with all that can be agreed on; who
 * stands in the stage's has_paths takes several paths. */
static inline struct adjout_rules rules_of(uint16_t nva, uint8_t family, bool has_paths)
{
    struct adjout_rules r = { .family = (enum bgp_family)family,
                              .codec = { .as4 = nva != 6,
                                         .family = { true, true },
                                         .enhanced_refresh = nva == 7,
                                         .add_path_out = { has_paths, has_paths },
                                         .max_message = nva == 7 ? 65535 : 4096 },
                              .export = { .transparent = nva < 4, .local_asn = 64500 },
                              .self_next_hop = { .family = family, .bytes = { 10, 9, 9, 9 } },
                              .from_types = UINT8_MAX };
    if (nva == 5)
        r.from_types = (uint8_t) ~(1u << NO_EXPORT_TYPE);
    return r;
}

static inline struct stage *stage_open(void)
{
    struct stage *s = calloc(1, sizeof *s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    lab_open(&s->l, 8, false);
    s->l.nvas[2].type = NO_EXPORT_TYPE;
    s->adjout = adjout_new(&s->l.rib);
    for (uint16_t nva = 1; nva < LAB_NVAS; nva++)
        CU_ASSERT_FATAL(adjout_expect_as(s->adjout, s->l.nvas[nva].asn));
    s->buf = malloc(PULL_MAX);
    return s;
}

/* A neighbour of a prefix is known from its first call on; before that nobody has its address. */
static inline void come(struct stage *s, uint16_t nva)
{
    s->l.nvas[nva].address.bytes[2] = 2;
}

static inline bool is_silent(const struct stage *s, uint16_t nva)
{
    static const struct model none[BGP_FAMILIES][NETS][IDS];
    return !s->players[nva][BGP_IP4].member && !s->players[nva][BGP_IP6].member &&
           memcmp(s->paths[nva], none, sizeof none) == 0;
}

static inline void go(struct stage *s, uint16_t nva)
{
    if (is_silent(s, nva))
        s->l.nvas[nva].address.bytes[2] = 77;
}

static inline void join(struct stage *s, uint16_t nva, uint8_t family)
{
    come(s, nva);
    struct player *p = &s->players[nva][family];
    memset(p, 0, sizeof *p);
    p->rules = rules_of(nva, family, s->has_paths >> nva & 1);
    p->member = adjout_join(s->adjout, &p->rules, nva);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->member);
}

static inline void leave(struct stage *s, uint16_t nva, uint8_t family)
{
    adjout_leave(s->players[nva][family].member);
    s->players[nva][family].member = NULL;
}

static inline void stage_close(struct stage *s)
{
    for (uint16_t nva = 1; nva < LAB_NVAS; nva++)
        for (uint8_t f = 0; f < BGP_FAMILIES; f++)
            if (s->players[nva][f].member)
                leave(s, nva, f);
    for (uint8_t o = 0; o < RIB_ORIGINS; o++)
        rib_origin_drop(&s->l.rib, o, RIB_ANY);
    lab_sweep(&s->l);
    while (adjout_work(s->adjout, 100))
        ;
    CU_ASSERT_EQUAL(s->l.rib.attrs.records.count, 0); /* no reference is left behind */
    adjout_free(s->adjout);
    lab_close(&s->l);
    free(s->buf);
    free(s);
}

/* ---- the RIB's side ---- */

static inline uint32_t announce(struct stage *s, struct lab_route r)
{
    come(s, r.nva);
    struct model *m = &s->paths[r.nva][r.family][r.net][r.path_id / 1000];
    const uint32_t no_export = 0xffffff01;
    *m = (struct model){ .tag = ++s->tags, .path_len = r.path_len, .first_as = r.first_as };
    m->via = r.family == BGP_IP4 ? r.via : 0;
    m->no_export = r.community == no_export;
    m->too_long = r.padding >= TOO_LONG;
    if (!r.community)
        r.community = m->tag;
    lab_announce(&s->l, r);
    return m->tag;
}

static inline void withdraw(struct stage *s, struct lab_route r)
{
    s->paths[r.nva][r.family][r.net][r.path_id / 1000] = (struct model){ 0 };
    lab_withdraw(&s->l, r);
}

static inline void lose(struct stage *s, uint16_t nva)
{
    memset(s->paths[nva], 0, sizeof s->paths[nva]);
    lab_session(&s->l, LAB_SELF, nva, RIB_SESSION_DOWN, 1);
}

static inline void reap(struct stage *s)
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

static inline uint32_t tag_of(const struct bgp_attrs *a)
{
    struct wire_reader r = wire_reader(a->bytes, a->len);
    struct bgp_attr_view v;
    while (bgp_attrs_next(&r, &v))
        if (v.type == BGP_ATTR_COMMUNITIES)
            return wire_get32(v.value);
    return UINT32_MAX; /* of the configuration */
}

static inline uint32_t net_of(const struct ip_prefix *p)
{
    const uint8_t *last = p->bytes + (p->family == BGP_IP4 ? 1 : 13);
    CU_ASSERT_FATAL(p->len == (p->family == BGP_IP4 ? 32 : 128) && last[2] < NETS);
    return last[2];
}

/* The place of a path id among those heard of a net, or a free one. */
static inline struct heard *heard_of(struct player *p, uint32_t net, uint32_t path_id)
{
    struct heard *unused = NULL;
    for (uint32_t i = 0; i < HEARD_MAX; i++) {
        struct heard *h = &p->table[net][i];
        if (h->tag && h->path_id == path_id)
            return h;
        if (!h->tag)
            unused = h;
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(unused);
    return unused;
}

static inline void take(struct player *p, const struct bgp_update *u)
{
    struct ip_prefix prefix;
    uint32_t id;
    for (int i = 0; i < u->withdrawn_count; i++) {
        struct bgp_nlri n = u->withdrawn[i];
        for (; bgp_nlri_next(&n, &prefix, &id); p->withdrawn++)
            heard_of(p, net_of(&prefix), id)->tag = 0;
    }
    for (int i = 0; i < u->reach_count; i++) {
        struct bgp_nlri n = u->reach[i];
        struct heard said = { .tag = tag_of(&u->attrs[i]), .path_len = u->attrs[i].path_len, .next_hop = u->attrs[i].next_hop };
        if (u->attrs[i].link_local)
            said.link_local = *u->attrs[i].link_local;
        for (; bgp_nlri_next(&n, &prefix, &said.path_id); p->announced++)
            *heard_of(p, net_of(&prefix), said.path_id) = said;
    }
}

static inline void read_messages(struct player *p, const uint8_t *at, size_t len)
{
    struct bgp_codec codec = p->rules.codec;
    struct bgp_update_context ctx = { .codec = &codec, .any_first_as = true };
    memcpy(codec.add_path_in, codec.add_path_out, sizeof codec.add_path_in);
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

static inline size_t pull(struct stage *s, uint16_t nva, uint8_t family, size_t cap)
{
    struct player *p = &s->players[nva][family];
    s->buf[cap] = 0xa5; /* nothing is written past what was allowed */
    unsigned steps = PULL_STEPS;
    size_t n = adjout_pull(p->member, s->buf, cap, &steps);
    CU_ASSERT_FATAL(n <= cap && s->buf[cap] == 0xa5);
    read_messages(p, s->buf, n);
    return n;
}

static inline void settle(struct stage *s)
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

static inline bool is_mapped_away(const struct stage *s, const struct route_map *map, uint16_t from, uint32_t net,
                                  const struct model *m)
{
    bool is_through = m->first_as == DROPPED_AS || (s->l.nvas[from].asn == DROPPED_AS && (m->path_len > 1 || !m->first_as));
    return map && (map == s->maps[0] ? net < 8 : is_through);
}

static inline bool may_have(const struct stage *s, uint16_t nva, uint8_t family, uint16_t from, uint32_t net,
                            const struct model *m)
{
    const struct adjout_rules *rules = &s->players[nva][family].rules;
    if (is_mapped_away(s, rules->map, from, net, m))
        return false;
    if (!m->tag || from == nva || m->via == nva || m->no_export || !(rules->from_types & 1u << s->l.nvas[from].type))
        return false;
    return !m->too_long || rules->codec.max_message > 4096;
}

static inline bool is_through(const struct stage *s, const struct model *m, uint16_t from, uint32_t asn)
{
    return s->l.nvas[from].asn == asn || m->first_as == asn;
}

/* The path that this member is to be told, NULL = none: the decision without all it may not have, and, if
 * anything is left then, without what its own loop detection refuses. */
static inline const struct model *expected(const struct stage *s, uint16_t nva, uint8_t family, uint32_t net,
                                           bool without_loops)
{
    const struct model *best = NULL;
    uint32_t asn = s->l.nvas[nva].asn;
    for (uint16_t from = 1; from < LAB_NVAS; from++)
        for (uint32_t id = 0; id < IDS; id++) {
            const struct model *m = &s->paths[from][family][net][id];
            if (!may_have(s, nva, family, from, net, m) || (without_loops && is_through(s, m, from, asn)))
                continue;
            if (!best || m->path_len < best->path_len)
                best = m;
        }
    return best || !without_loops ? best : expected(s, nva, family, net, false);
}

static inline void check_heard(const struct stage *s, const struct player *p, const struct heard *h,
                               const struct model *m)
{
    bool is_prepended = p->rules.map && p->rules.map == s->maps[1];
    CU_ASSERT_EQUAL_FATAL(h->tag, m->tag);
    CU_ASSERT_EQUAL_FATAL(h->path_len, m->path_len + !p->rules.export.transparent + is_prepended);
}

static inline unsigned heard_count(const struct player *p, uint32_t net)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < HEARD_MAX; i++)
        count += p->table[net][i].tag != 0;
    return count;
}

/* What was heard last of the only path of a net; NULL: it is not heard of. */
static inline const struct heard *heard_one(const struct player *p, uint32_t net)
{
    CU_ASSERT_FATAL(heard_count(p, net) < 2);
    for (uint32_t i = 0; i < HEARD_MAX; i++)
        if (p->table[net][i].tag)
            return &p->table[net][i];
    return NULL;
}

static inline uint32_t tag_heard(const struct player *p, uint32_t net)
{
    const struct heard *h = heard_one(p, net);
    return h ? h->tag : 0;
}

static inline const struct heard *find_tag(const struct player *p, uint32_t net, uint32_t tag)
{
    for (uint32_t i = 0; i < HEARD_MAX; i++)
        if (p->table[net][i].tag == tag)
            return &p->table[net][i];
    return NULL;
}

static inline void check_paths(const struct stage *s, uint16_t nva, uint8_t family, uint32_t net)
{
    const struct player *p = &s->players[nva][family];
    unsigned count = 0;
    for (uint16_t from = 1; from < LAB_NVAS; from++)
        for (uint32_t id = 0; id < IDS; id++) {
            const struct model *m = &s->paths[from][family][net][id];
            if (!may_have(s, nva, family, from, net, m))
                continue;
            const struct heard *h = find_tag(p, net, m->tag);
            CU_ASSERT_PTR_NOT_NULL_FATAL(h);
            check_heard(s, p, h, m);
            count++;
        }
    CU_ASSERT_EQUAL_FATAL(heard_count(p, net), count);
}

/* Returns how many routes the member has. */
static inline uint32_t check_nets(const struct stage *s, uint16_t nva, uint8_t family)
{
    const struct player *p = &s->players[nva][family];
    uint32_t count = 0;
    for (uint32_t net = 0; net < NETS; count += heard_count(p, net), net++) {
        if (s->has_paths >> nva & 1) {
            check_paths(s, nva, family, net);
            continue;
        }
        const struct model *m = expected(s, nva, family, net, true);
        const struct heard *h = heard_one(p, net);
        CU_ASSERT_EQUAL_FATAL(h != NULL, m != NULL);
        if (h)
            check_heard(s, p, h, m);
    }
    return count;
}

static inline void check_player(const struct stage *s, uint16_t nva, uint8_t family)
{
    CU_ASSERT_EQUAL_FATAL(adjout_stats(s->players[nva][family].member).current, check_nets(s, nva, family));
}

static inline void check_all(const struct stage *s)
{
    for (uint16_t nva = 1; nva < LAB_NVAS; nva++)
        for (uint8_t f = 0; f < BGP_FAMILIES; f++)
            if (s->players[nva][f].member)
                check_player(s, nva, f);
}

/* ---- all of it at random ---- */

enum { RANDOM_STEPS = 250 };

static inline uint32_t random_below(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % below;
}

static inline void random_route_change(struct stage *s, uint64_t *seed)
{
    struct lab_route r = { .nva = (uint16_t)(1 + random_below(seed, LAB_NVAS - 1)),
                           .net = random_below(seed, NETS),
                           .family = (uint8_t)random_below(seed, 2),
                           .path_id = 1000 * (random_below(seed, 3) ? 0 : random_below(seed, IDS)),
                           .path_len = (uint8_t)(1 + random_below(seed, 3)) };
    if (random_below(seed, 3) == 0) {
        withdraw(s, r);
        return;
    }
    if (random_below(seed, 8) == 0)
        r.community = 0xffffff01;
    if (random_below(seed, 5) == 0)
        r.first_as = 65000 + random_below(seed, LAB_NVAS);
    if (random_below(seed, 4) == 0)
        r.via = (uint8_t)random_below(seed, LAB_NVAS);
    if (random_below(seed, 6) == 0)
        r.padding = random_below(seed, 4) ? 3500 : TOO_LONG;
    announce(s, r);
}

static inline void random_membership(struct stage *s, uint64_t *seed)
{
    uint16_t nva = (uint16_t)(1 + random_below(seed, LAB_NVAS - 1));
    uint8_t family = (uint8_t)random_below(seed, 2);
    struct player *p = &s->players[nva][family];
    if (!p->member)
        join(s, nva, family);
    else if (random_below(seed, 3) == 0) {
        leave(s, nva, family);
        if (random_below(seed, 2) == 0)
            lose(s, nva);
        go(s, nva);
    } else if (random_below(seed, 3) == 0)
        adjout_refresh(p->member);
    else if (s->maps[0] && random_below(seed, 2) == 0) {
        uint32_t which = random_below(seed, 3);
        p->rules.map = which ? s->maps[which - 1] : NULL;
        p->member = adjout_move(p->member, &p->rules);
    } else if (random_below(seed, 2) == 0) {
        p->rules.from_types ^= 1u << NO_EXPORT_TYPE; /* what it may have changes */
        p->member = adjout_move(p->member, &p->rules);
    }
}

static inline void random_pull(struct stage *s, uint64_t *seed)
{
    uint16_t nva = (uint16_t)(1 + random_below(seed, LAB_NVAS - 1));
    uint8_t family = (uint8_t)random_below(seed, 2);
    static const uint32_t caps[] = { 0, 20, 100, 4096, 5000, 66000 };
    if (s->players[nva][family].member)
        pull(s, nva, family, caps[random_below(seed, sizeof caps / sizeof *caps)]);
}

static inline void random_step(struct stage *s, uint64_t *seed)
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

/* Steps at random, again and again read to the end and compared with the model. */
static inline void play_at_random(struct stage *s, uint64_t seed, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        for (int step = 0; step < RANDOM_STEPS; step++)
            random_step(s, &seed);
        settle(s);
        check_all(s);
    }
}

/* Tables that no run has played yet: a few, or as many as TEST_TABLES says. TEST_SEED is the first one's seed; the last
 * that is named is the one that failed. */
static inline void play_new_tables(void (*play)(uint64_t seed))
{
    enum { FEW = 2, SPREAD = 1000000 };
    const char *count = getenv("TEST_TABLES"), *first = getenv("TEST_SEED");
    uint64_t seed = first ? strtoull(first, NULL, 10) : (uint64_t)time(NULL) * SPREAD;
    for (uint64_t left = count ? strtoull(count, NULL, 10) : FEW; left; left--, seed++) {
        printf(count ? "\rTEST_SEED=%llu " : "(TEST_SEED=%llu) ", (unsigned long long)seed);
        fflush(stdout); /* an assertion may end it */
        play(seed);
    }
}

#endif
