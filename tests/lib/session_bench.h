/* One session machine on a bench: the test plays the transport, the clock and the peer.
 *
 *     struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
 *     bench_pass(b, 90000);
 *     CU_ASSERT_TRUE(bench_sent(b, BGP_SLOT_THEIRS, NOTIFICATION("04", "00")));
 *     bench_free(b);
 *
 * After every call events are taken and bytes pulled, as the core does. */
#ifndef TANDEM_TESTS_LIB_SESSION_BENCH_H
#define TANDEM_TESTS_LIB_SESSION_BENCH_H

#include <stdio.h>
#include <string.h>

#include "bgp/base/wire.h"
#include "bgp/session/session.h"
#include "tests/lib/hex.h"

#define HEADER(length, type) "'marker' ffffffffffffffff ffffffffffffffff 'length'" length "'type'" type
#define KEEPALIVE            HEADER("0013", "04")
/* AS 65001, hold time 90, identifier 10.0.0.2, no capabilities: IPv4 unicast. */
#define PEER_OPEN HEADER("001d", "01") "'version' 04 'as' fde9 'hold' 005a 'id' 0a000002 'parameters' 00"
#define EMPTY_UPDATE HEADER("0017", "02") "'withdrawn' 0000 'attributes' 0000" /* End-of-RIB, IPv4 */
#define REFRESH      HEADER("0017", "05") "'afi' 0001 'subtype' 00 'safi' 01"
#define NOTIFICATION(code, subcode) HEADER("0015", "03") code subcode

enum { BENCH_OUT = 2 * 65536 };

struct bench {
    struct bgp_session *s;
    uint64_t now;
    struct bench_wire {
        bool open;
        uint8_t bytes[BENCH_OUT]; /* sent and not yet looked at */
        size_t len;
        uint8_t held[BENCH_OUT]; /* fed, and not yet consumed */
        size_t held_len;
    } wire[BGP_SLOTS];
    bool is_stuck; /* the transport takes nothing */
    unsigned dials, ups, downs, updates, refreshes;
    struct bgp_session_event last, down; /* last: of any kind but DIAL and CLOSE */
    uint8_t down_data[BGP_MESSAGE_MAX_EXTENDED]; /* of the fault of down */
    char states[512];                    /* "Connect OpenSent …", as told */
};

static inline void bench_pull(struct bench *b, int slot)
{
    struct bench_wire *w = &b->wire[slot];
    for (size_t n; w->open && (n = bgp_session_pull(b->s, (enum bgp_slot)slot, w->bytes + w->len,
                                                    sizeof w->bytes - w->len));) {
        w->len += n;
        if (!b->is_stuck)
            bgp_session_progress(b->s, (enum bgp_slot)slot, true, b->now);
    }
}

static inline void bench_on_event(struct bench *b, const struct bgp_session_event *e)
{
    size_t used = strlen(b->states);
    if (e->kind == BGP_EVENT_STATE)
        snprintf(b->states + used, sizeof b->states - used, "%s%s", used ? " " : "",
                 bgp_state_name((enum bgp_state)e->to));
    b->dials += e->kind == BGP_EVENT_DIAL;
    b->ups += e->kind == BGP_EVENT_UP;
    b->updates += e->kind == BGP_EVENT_UPDATE;
    b->refreshes += e->kind == BGP_EVENT_REFRESH;
    if (e->kind == BGP_EVENT_DOWN) {
        b->downs++;
        b->down = *e;
        if (e->fault.data_len)
            memcpy(b->down_data, e->fault.data, e->fault.data_len);
        b->down.fault.data = b->down_data;
    }
    if (e->kind == BGP_EVENT_CLOSE) {
        bench_pull(b, e->slot);
        b->wire[e->slot].open = false;
        b->wire[e->slot].held_len = 0;
        bgp_session_closed(b->s, (enum bgp_slot)e->slot, b->now);
    } else if (e->kind != BGP_EVENT_DIAL) {
        b->last = *e;
    }
}

static inline void bench_take(struct bench *b)
{
    for (struct bgp_session_event e; bgp_session_next(b->s, &e);)
        bench_on_event(b, &e);
    for (int slot = 0; slot < BGP_SLOTS; slot++)
        bench_pull(b, slot);
}

/* AS 65515, identifier 10.0.0.1, hold time 90, IPv4, any peer AS. */
static inline struct bgp_session_cfg bench_cfg(void)
{
    return (struct bgp_session_cfg){ .local_asn = 65515,
                                     .local_identifier = 0x0a000001,
                                     .peer_addr = { .bytes = { 10, 0, 0, 2 } },
                                     .local_addr = { .bytes = { 10, 0, 0, 1 } },
                                     .hold_s = 90,
                                     .connect_retry_s = 5,
                                     .backoff_max_s = 60,
                                     .family = { true, false } };
}

/* cfg NULL: bench_cfg. Not started. */
static inline struct bench *bench_new(const struct bgp_session_cfg *cfg)
{
    struct bgp_session_cfg usual = bench_cfg();
    struct bench *b = calloc(1, sizeof *b);
    assert(b);
    b->now = 1000000;
    b->s = bgp_session_new(cfg ? cfg : &usual);
    assert(b->s);
    return b;
}

static inline void bench_free(struct bench *b)
{
    bgp_session_free(b->s);
    free(b);
}

static inline void bench_start(struct bench *b)
{
    bgp_session_start(b->s, b->now);
    bench_take(b);
}

/* The peer dials us; its slot or -1. */
static inline int bench_accept(struct bench *b)
{
    int slot = bgp_session_accept(b->s, b->now);
    if (slot >= 0)
        b->wire[slot].open = true;
    if (slot >= 0)
        b->wire[slot].len = b->wire[slot].held_len = 0;
    bench_take(b);
    return slot;
}

/* Our dial succeeds. */
static inline int bench_connected(struct bench *b)
{
    struct ip_addr local = { .bytes = { 10, 0, 0, 1 } };
    b->wire[BGP_SLOT_OURS].open = true;
    b->wire[BGP_SLOT_OURS].len = b->wire[BGP_SLOT_OURS].held_len = 0;
    bgp_session_connected(b->s, &local, b->now);
    bench_take(b);
    return BGP_SLOT_OURS;
}

/* The transport of a slot ends, or our dial fails. */
static inline void bench_closed(struct bench *b, int slot)
{
    b->wire[slot].open = false;
    b->wire[slot].held_len = 0;
    bgp_session_closed(b->s, (enum bgp_slot)slot, b->now);
    bench_take(b);
}

static inline void bench_feed_bytes(struct bench *b, int slot, const uint8_t *bytes, size_t len)
{
    struct bench_wire *w = &b->wire[slot];
    assert(len <= sizeof w->held - w->held_len);
    memcpy(w->held + w->held_len, bytes, len);
    w->held_len += len;
    for (size_t n; w->held_len && w->open;) {
        n = bgp_session_feed(b->s, (enum bgp_slot)slot, w->held, w->held_len, b->now);
        bench_take(b);
        if (!n || !w->open)
            break;
        memmove(w->held, w->held + n, w->held_len - n);
        w->held_len -= n;
    }
}

static inline void bench_feed(struct bench *b, int slot, const char *text)
{
    static uint8_t bytes[BENCH_OUT];
    bench_feed_bytes(b, slot, bytes, hex(bytes, sizeof bytes, text));
}

/* Time passes, with every deadline served on its way. */
static inline void bench_pass(struct bench *b, uint64_t ms)
{
    uint64_t end = b->now + ms, due;
    while ((due = bgp_session_deadline(b->s)) <= end) {
        b->now = due > b->now ? due : b->now;
        bgp_session_tick(b->s, b->now);
        bench_take(b);
        if (bgp_session_deadline(b->s) == due && due <= b->now) {
            fprintf(stderr, "a deadline that does not move\n");
            abort();
        }
    }
    b->now = end;
}

/* Forget what was sent so far. */
static inline void bench_flush(struct bench *b)
{
    for (int slot = 0; slot < BGP_SLOTS; slot++)
        b->wire[slot].len = 0;
}

/* Exactly these bytes were sent on a slot since the last look. Prints what differs. */
static inline bool bench_sent(struct bench *b, int slot, const char *text)
{
    static uint8_t want[BENCH_OUT];
    size_t len = hex(want, sizeof want, text);
    struct bench_wire *w = &b->wire[slot];
    bool same = w->len == len && memcmp(w->bytes, want, len) == 0;
    if (!same) {
        printf("\n  sent:");
        for (size_t i = 0; i < w->len; i++)
            printf(" %02x", w->bytes[i]);
        printf("\n  not: ");
        for (size_t i = 0; i < len; i++)
            printf(" %02x", want[i]);
        printf("\n");
    }
    w->len = 0;
    return same;
}

/* How many messages of this type stand in what was sent; looks only. */
static inline unsigned bench_count(const struct bench *b, int slot, uint8_t type)
{
    const struct bench_wire *w = &b->wire[slot];
    unsigned count = 0;
    for (size_t at = 0; at + BGP_HEADER <= w->len; at += wire_get16(w->bytes + at + 16))
        count += w->bytes[at + 18] == type;
    return count;
}

/* A passive machine with a connection of the peer in the wanted state, nothing of it left to look at. */
static inline struct bench *bench_in(enum bgp_state state, const struct bgp_session_cfg *cfg)
{
    struct bgp_session_cfg c = cfg ? *cfg : bench_cfg();
    c.passive = true;
    struct bench *b = bench_new(&c);
    bench_start(b);
    int slot = bench_accept(b);
    assert(slot == BGP_SLOT_THEIRS);
    if (state >= BGP_OPENCONFIRM)
        bench_feed(b, slot, PEER_OPEN);
    if (state == BGP_ESTABLISHED)
        bench_feed(b, slot, KEEPALIVE);
    assert(bgp_session_state(b->s) == state);
    bench_flush(b);
    return b;
}

#endif
