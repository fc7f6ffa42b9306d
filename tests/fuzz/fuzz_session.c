/* One session machine against whatever comes: the input is a script of steps.
 *
 *   octet 0  low half: what; high half: the slot that is meant (0 to 2, else the first that is open)
 *            0 time passes, 1 bytes, 2 bytes with a right marker before them, 3 the peer dials,
 *            4 our dial succeeds, 5 a connection ends, 6 start, 7 stop, 8 reset, 9 a pause of the
 *            process, 10 the transport takes everything, 11 nothing; 12 refresh; 13 an UPDATE with a
 *            long well-known attribute that nobody knows, which is quoted whole in the last word
 *   octet 1  how much: of time, in steps of a sixteenth of the hold time; of bytes, what follows; of the
 *            attribute, 256 octets each
 *
 * What must hold whatever comes is checked after every step. */
#include <stdlib.h>
#include <string.h>

#include "bgp/base/wire.h"
#include "bgp/session/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 300, HELD = 70000 };

struct side {
    struct bgp_session *s;
    uint64_t now;
    bool open[BGP_SLOTS];
    bool is_dialling, is_stuck, is_up;
    uint8_t held[BGP_SLOTS][HELD];
    size_t held_len[BGP_SLOTS];
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What is sent is whole messages, each one that we would accept ourselves; a NOTIFICATION ends with what it is about,
 * which may be long. */
static void check_sent(const uint8_t *bytes, size_t len)
{
    struct bgp_message m;
    struct bgp_fault fault;
    while (len) {
        int n = bgp_message_scan(bytes, len, BGP_MESSAGE_MAX_EXTENDED, &m, &fault);
        require(n > 0 && m.type != BGP_UPDATE);
        bytes += n;
        len -= (size_t)n;
    }
}

static void pull(struct side *side, enum bgp_slot slot)
{
    static uint8_t buf[2 * BGP_MESSAGE_MAX_EXTENDED];
    for (size_t n; (n = bgp_session_pull(side->s, slot, buf, sizeof buf));) {
        require(side->open[slot]);
        check_sent(buf, n);
        if (!side->is_stuck)
            bgp_session_progress(side->s, slot, true, side->now);
    }
}

/* The data of a fault are there when its event is taken. */
static void look_at(const struct bgp_fault *f)
{
    static uint8_t seen[BGP_MESSAGE_MAX_EXTENDED];
    if (f->data_len)
        memcpy(seen, f->data, f->data_len);
}

static void on_event(struct side *side, const struct bgp_session_event *e)
{
    require(e->slot < BGP_SLOTS);
    if (e->kind == BGP_EVENT_DIAL) {
        require(!side->is_dialling && !side->open[BGP_SLOT_OURS]);
        side->is_dialling = true;
    } else if (e->kind == BGP_EVENT_CLOSE) {
        require(side->open[e->slot] || (e->slot == BGP_SLOT_OURS && side->is_dialling));
        pull(side, (enum bgp_slot)e->slot);
        side->open[e->slot] = false;
        side->is_dialling &= e->slot != BGP_SLOT_OURS;
        side->held_len[e->slot] = 0;
        bgp_session_closed(side->s, (enum bgp_slot)e->slot, side->now);
    } else if (e->kind == BGP_EVENT_UP) {
        require(!side->is_up);
        side->is_up = true;
    } else if (e->kind == BGP_EVENT_DOWN) {
        require(side->is_up);
        side->is_up = false;
        look_at(&e->fault);
    } else if (e->kind == BGP_EVENT_STATE) {
        require(e->from != e->to && e->to < BGP_STATES);
        look_at(&e->fault);
    }
}

static void settle(struct side *side)
{
    struct bgp_session_event e;
    while (bgp_session_next(side->s, &e))
        on_event(side, &e);
    require(side->is_up == (bgp_session_slot(side->s) >= 0));
    for (int slot = 0; slot < BGP_SLOTS; slot++)
        pull(side, (enum bgp_slot)slot);
}

/* In memory that ends when its events were taken: nothing that was said or told may point into it later. */
static size_t feed_held(struct side *side, enum bgp_slot slot)
{
    size_t have = side->held_len[slot];
    uint8_t *exact = malloc(have);
    require(exact);
    memcpy(exact, side->held[slot], have);
    size_t n = bgp_session_feed(side->s, slot, exact, have, side->now);
    require(n <= have);
    settle(side);
    free(exact);
    return n;
}

static void feed(struct side *side, enum bgp_slot slot, const uint8_t *bytes, size_t len)
{
    uint8_t *held = side->held[slot];
    size_t *have = &side->held_len[slot];
    if (!side->open[slot] || len > HELD - *have)
        return;
    memcpy(held + *have, bytes, len);
    *have += len;
    for (size_t n; side->open[slot] && *have;) {
        n = feed_held(side, slot);
        if (!n || !side->open[slot])
            return;
        memmove(held, held + n, *have - n);
        *have -= n;
    }
}

static void pass(struct side *side, uint64_t ms)
{
    uint64_t end = side->now + ms;
    for (int i = 0; bgp_session_deadline(side->s) <= end; i++) {
        uint64_t due = bgp_session_deadline(side->s);
        require(i < 10000); /* a deadline that is served moves on */
        side->now = due > side->now ? due : side->now;
        bgp_session_tick(side->s, side->now);
        settle(side);
    }
    side->now = end;
}

static void connect_slot(struct side *side, int slot)
{
    if (slot < 0)
        return;
    require(!side->open[slot]);
    side->open[slot] = true;
    side->held_len[slot] = 0;
}

static void dialled(struct side *side)
{
    static const struct ip_addr local = { .bytes = { 10, 0, 0, 1 } };
    if (!side->is_dialling)
        return;
    side->is_dialling = false;
    connect_slot(side, BGP_SLOT_OURS);
    bgp_session_connected(side->s, &local, side->now);
}

static void ended(struct side *side, enum bgp_slot slot)
{
    side->open[slot] = false;
    side->is_dialling &= slot != BGP_SLOT_OURS;
    side->held_len[slot] = 0;
    bgp_session_closed(side->s, slot, side->now);
}

static void feed_long(struct side *side, enum bgp_slot slot, uint8_t much)
{
    static uint8_t bytes[BGP_MESSAGE_MAX_EXTENDED];
    enum { FIELDS = BGP_HEADER + 4, ATTRIBUTE = FIELDS + 4 };
    size_t len = much * 256u < sizeof bytes - ATTRIBUTE ? much * 256u : sizeof bytes - ATTRIBUTE;
    wire_set16(bytes + BGP_HEADER + 2, (uint16_t)(4 + len));
    wire_set16(bytes + FIELDS, 0x5063);
    wire_set16(bytes + FIELDS + 2, (uint16_t)len);
    feed(side, slot, bytes, bgp_message_finish(bytes, BGP_UPDATE, ATTRIBUTE - BGP_HEADER + len));
}

static void act(struct side *side, uint8_t what, enum bgp_slot slot, uint8_t much)
{
    const struct bgp_fault fault = { .code = BGP_CEASE, .subcode = much };
    switch (what) {
    case 0:
        pass(side, much * 90000u / 16);
        break;
    case 3:
        connect_slot(side, bgp_session_accept(side->s, side->now));
        break;
    case 4:
        dialled(side);
        break;
    case 5:
        ended(side, slot);
        break;
    case 6:
        bgp_session_start(side->s, side->now);
        break;
    case 7:
        bgp_session_stop(side->s, much, much & 1 ? "a text" : NULL, side->now);
        break;
    case 8:
        bgp_session_reset(side->s, &fault, side->now);
        break;
    case 9:
        side->now += much * 60000u;
        bgp_session_rearm(side->s, 1000, side->now);
        break;
    case 10:
    case 11:
        side->is_stuck = what == 11;
        break;
    case 12:
        (void)bgp_session_refresh(side->s, (enum bgp_family)(much % BGP_FAMILIES));
        break;
    case 13:
        feed_long(side, slot, much);
        break;
    default:
        break;
    }
    settle(side);
}

static size_t step(struct side *side, const uint8_t *data, size_t size)
{
    uint8_t bytes[16 + UINT8_MAX], what = data[0] & 15, much = data[1];
    enum bgp_slot slot = (enum bgp_slot)(data[0] >> 4);
    for (int i = 0; slot >= BGP_SLOTS; i++)
        if (i == BGP_SLOTS - 1 || side->open[i])
            slot = (enum bgp_slot)i;
    if (what != 1 && what != 2) {
        act(side, what, slot, much);
        return 2;
    }
    size_t len = much < size - 2 ? much : size - 2, marker = what == 2 ? 16 : 0;
    memset(bytes, 0xff, marker);
    memcpy(bytes + marker, data + 2, len);
    feed(side, slot, bytes, marker + len);
    return 2 + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct side side;
    const struct bgp_session_cfg cfg = { .local_asn = 65515,
                                         .local_identifier = 0x0a000001,
                                         .hold_s = 90,
                                         .connect_retry_s = 5,
                                         .backoff_max_s = 60,
                                         .family = { true, true },
                                         .add_path = { 3, 3 },
                                         .extended_message = true };
    memset(&side, 0, offsetof(struct side, held));
    memset(side.held_len, 0, sizeof side.held_len);
    side.now = 1000;
    side.s = bgp_session_new(&cfg);
    bgp_session_start(side.s, side.now);
    settle(&side);
    for (int i = 0; i < STEPS_MAX && size >= 2; i++) {
        size_t used = step(&side, data, size);
        data += used;
        size -= used;
    }
    bgp_session_stop(side.s, BGP_ADMIN_SHUTDOWN, NULL, side.now);
    settle(&side);
    require(bgp_session_state(side.s) == BGP_IDLE && bgp_session_deadline(side.s) == UINT64_MAX);
    bgp_session_free(side.s);
    return 0;
}
