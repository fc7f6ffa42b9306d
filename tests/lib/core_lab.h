/* One core, its NVAs played on the wire: what one says, another hears. 10.0.0.2 (AS 65001) talks,
 * 10.0.0.3 (AS 65002) listens; both without four-octet AS numbers and without a hold time. */
#ifndef TANDEM_TESTS_LIB_CORE_LAB_H
#define TANDEM_TESTS_LIB_CORE_LAB_H

#include <stdlib.h>
#include <string.h>

#include "bgp/codec/aspath.h"
#include "bgp/codec/msg.h"
#include "bgp/codec/update.h"
#include "node/config/change.h"
#include "node/core/core.h"
#include "tests/lib/attrs.h"
#include "tests/lib/config_text.h"
#include "tests/lib/hex.h"

#define HEADER(length, type) "'marker' ffffffffffffffff ffffffffffffffff 'length'" length "'type'" type
#define KEEPALIVE            HEADER("0013", "04")
#define OPEN(as, id)         HEADER("001d", "01") "04" as "0000 0a0000" id "00"
#define END_OF_RIB           HEADER("0017", "02") "0000 0000"
#define ROUTE                                                                                      \
    HEADER("002d", "02") "0000 0012 40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000002 18 c0a801"
/* Graceful restart: flags and time as given, IPv4 with these flags. */
#define GRACEFUL(flags, family_flags)                                                              \
    HEADER("0027", "01") "04 fde9 0000 0a000002 0a 02 08 40 06" flags "0001 01" family_flags

enum { TALKER = 2, LISTENER = 3, PLAYERS = 5, HEARD = PUMP_TX };

struct player {
    struct pump *pump;
    uint8_t heard[HEARD];
    size_t len;
    bool has_route; /* 192.168.1.0/24, as told so far */
    unsigned announced, withdrawn, refresh_marks, ends_of_rib, keepalives;
    uint32_t otc, marks;   /* enum bgp_attrs_mark; of its last announcement */
    uint32_t path[4];      /* likewise, its first ASes */
    uint32_t asn;          /* ours, as our OPEN says it */
    struct bgp_fault told; /* the last NOTIFICATION, as on the wire */
    uint8_t told_data[BGP_MESSAGE_MAX];
};

struct lab {
    struct config *config;
    struct core *core;
    uint64_t now;
    struct player players[PLAYERS]; /* by the last octet of the address */
};

static inline struct config *load(const char *peer_keys)
{
    return config_of("routeServer: { name: hub, mode: transparent }\n"
                     "nodes: [{ name: a, address: 10.0.0.1 }]\n"
                     "peers:\n"
                     "  - { name: talker, peerIp: 10.0.0.2, peerAsn: 65001, passive: true%s }\n"
                     "  - { name: listener, peerIp: 10.0.0.3, peerAsn: 65002, passive: true }\n",
                     peer_keys);
}

static inline struct lab *lab_open(const char *peer_keys)
{
    struct lab *l = calloc(1, sizeof *l);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    l->now = 1000000;
    l->config = load(peer_keys);
    l->core = core_new(&(struct core_cfg){ .config = l->config, .self = 1 }, l->now);
    return l;
}

static inline void lab_close(struct lab *l)
{
    core_free(l->core);
    config_free(l->config);
    free(l);
}

/* ---- what a player hears ---- */

static inline bool names_route(const struct bgp_nlri *lists, int count)
{
    struct ip_prefix prefix;
    uint32_t id;
    for (int i = 0; i < count; i++)
        for (struct bgp_nlri n = lists[i]; bgp_nlri_next(&n, &prefix, &id);)
            if (prefix.len == 24 && prefix.bytes[2] == 1)
                return true;
    return false;
}

static inline void hear_path(struct player *p, const struct bgp_attrs *a)
{
    struct wire_reader r = wire_reader(a->bytes, a->len);
    struct bgp_attr_view v = { 0 };
    unsigned left = 0;
    memset(p->path, 0, sizeof p->path);
    while (v.type != BGP_ATTR_AS_PATH && bgp_attrs_next(&r, &v))
        ;
    struct wire_reader path = wire_reader(v.value, v.len);
    for (int i = 0; i < 4 && aspath_next(&path, 4, &left, &p->path[i]); i++)
        ;
}

static inline void hear_update(struct player *p, const struct bgp_message *m)
{
    static const struct bgp_codec codec = { .family = { true }, .max_message = BGP_MESSAGE_MAX };
    const struct bgp_update_context ctx = { .codec = &codec, .any_first_as = true };
    struct arena arena = { 0 };
    struct bgp_update u;
    CU_ASSERT_EQUAL_FATAL(bgp_update_decode(m->body, m->body_len, &ctx, &arena, &u), 0);
    if (names_route(u.withdrawn, u.withdrawn_count)) {
        p->withdrawn++;
        p->has_route = false;
    }
    if (names_route(u.reach, u.reach_count)) {
        p->announced++;
        p->otc = otc_of(&u.attrs[0]);
        p->marks = u.attrs[0].marks;
        hear_path(p, &u.attrs[0]);
        p->has_route = true;
    }
    p->ends_of_rib += u.end_of_rib != 0;
    arena_fini(&arena);
}

static inline void hear_notification(struct player *p, const struct bgp_message *m)
{
    p->told = (struct bgp_fault){ .code = m->body[0], .subcode = m->body[1], .data = p->told_data };
    p->told.data_len = (uint16_t)(m->body_len - 2);
    memcpy(p->told_data, m->body + 2, p->told.data_len);
}

static inline void hear(struct player *p)
{
    struct bgp_message m;
    struct bgp_fault fault;
    size_t at = 0;
    for (int n; p->len > at && (n = bgp_message_scan(p->heard + at, p->len - at, 4096, &m, &fault));) {
        CU_ASSERT_TRUE_FATAL(n > 0);
        at += (size_t)n;
        p->keepalives += m.type == BGP_KEEPALIVE;
        p->refresh_marks += m.type == BGP_ROUTE_REFRESH;
        if (m.type == BGP_OPEN)
            p->asn = wire_get16(m.body + 1);
        if (m.type == BGP_UPDATE)
            hear_update(p, &m);
        if (m.type == BGP_NOTIFICATION)
            hear_notification(p, &m);
    }
    memmove(p->heard, p->heard + at, p->len - at);
    p->len -= at;
}

/* ---- the loop ---- */

static inline size_t flush(struct lab *l, struct player *p)
{
    size_t len;
    const uint8_t *bytes = pump_tx_bytes(p->pump, &len);
    CU_ASSERT_TRUE_FATAL(len <= HEARD - p->len);
    memcpy(p->heard + p->len, bytes, len);
    p->len += len;
    core_sent(l->core, p->pump, len, l->now);
    hear(p);
    return len;
}

static inline void take_requests(struct lab *l)
{
    struct core_request r;
    while (core_next_request(l->core, &r)) {
        if (!r.pump)
            continue; /* of BFD */
        for (int i = 0; i < PLAYERS; i++)
            if (l->players[i].pump == r.pump) {
                flush(l, &l->players[i]);
                l->players[i].pump = NULL;
            }
        core_closed(l->core, r.pump, CORE_CLOSE_EOF, l->now);
    }
}

/* Until nothing moves at this moment; when the next turn is due. */
static inline uint64_t turn(struct lab *l)
{
    uint64_t due = l->now;
    size_t moved = 1;
    for (int i = 0; i < 8 && (moved || due <= l->now); i++) {
        due = core_turn(l->core, l->now);
        take_requests(l);
        moved = 0;
        for (int k = 0; k < PLAYERS; k++)
            if (l->players[k].pump)
                moved += flush(l, &l->players[k]);
    }
    return due;
}

static inline void pass(struct lab *l, unsigned seconds)
{
    uint64_t end = l->now + 1000 * seconds, due = turn(l);
    while (l->now < end) {
        uint64_t next = due > l->now ? due : l->now + 1;
        l->now = next < end ? next : end;
        due = turn(l);
    }
}

/* Another configuration, as the loop takes it up. It is freed. */
static inline void follow(struct lab *l, struct config *next)
{
    CU_ASSERT_TRUE_FATAL(config_can_follow(l->config, next, stdout));
    take_requests(l);
    config_follow(l->config, next);
    core_reconfigure(l->core, next, l->now);
    config_free(next);
}

static inline void dial(struct lab *l, uint8_t player)
{
    struct ip_addr remote = { .bytes = { 10, 0, 0, player } }, local = { .bytes = { 10, 0, 0, 1 } };
    struct player *p = &l->players[player];
    p->len = 0;
    p->pump = core_accept(l->core, CORE_PORT_BGP, &remote, &local, l->now);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->pump);
}

/* RFC 4486 section 4. */
static inline bool is_rejected(struct lab *l, uint8_t player)
{
    const struct player *p = &l->players[player];
    l->players[player].told = (struct bgp_fault){ 0 };
    dial(l, player);
    turn(l);
    return !p->pump && p->told.code == BGP_CEASE && p->told.subcode == BGP_CONNECTION_REJECTED;
}

static inline void say(struct lab *l, uint8_t player, const char *text)
{
    struct pump *pump = l->players[player].pump;
    size_t room;
    CU_ASSERT_PTR_NOT_NULL_FATAL(pump);
    uint8_t *at = pump_rx_space(pump, &room);
    core_received(l->core, pump, hex(at, room, text));
    turn(l);
}

static inline void hang_up(struct lab *l, uint8_t player)
{
    core_closed(l->core, l->players[player].pump, CORE_CLOSE_RESET, l->now);
    l->players[player].pump = NULL;
    turn(l);
}

static inline void come_up(struct lab *l, uint8_t player, const char *open)
{
    dial(l, player);
    say(l, player, open);
    say(l, player, KEEPALIVE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l->players[player].pump);
}

/* The talker, up with this OPEN, has told its route, and the listener has it. */
static inline struct lab *lab_told(const char *peer_keys, const char *open)
{
    struct lab *l = lab_open(peer_keys);
    come_up(l, LISTENER, OPEN("fdea", "03"));
    say(l, LISTENER, END_OF_RIB);
    come_up(l, TALKER, open);
    say(l, TALKER, ROUTE);
    say(l, TALKER, END_OF_RIB);
    CU_ASSERT_TRUE_FATAL(l->players[LISTENER].has_route);
    return l;
}

static inline bool listener_has(const struct lab *l)
{
    return l->players[LISTENER].has_route;
}

#endif
