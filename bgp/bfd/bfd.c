/* Happy path: Down, a packet each second -> the peer's Down: Init -> its Init or Up: Up, packets at the
 * agreed interval, and a Poll Sequence that says so. Ways to fail: silence for the detection time, the
 * peer saying Down or AdminDown. Either way back to Down, and on with a packet each second. */
#include "bgp/bfd/bfd.h"

#include <assert.h>
#include <stdlib.h>

enum {
    SLOW_US = 1000000, /* not Up: one packet a second at most (RFC 5880 section 6.8.3) */
    EVENTS_MAX = 4,
    LATE_MULT = 3, /* with a multiplier below, silence for most of the time is nothing unusual */
};

static const uint64_t NEVER = UINT64_MAX;

#define GO(state, event, to, why)                                                                  \
    [BFD_##state][BFD_##event] = { .next = BFD_##to, .diag = BFD_DIAG_##why, .is_known = true }
#define STAY(state, event) [BFD_##state][BFD_##event] = { .next = BFD_##state, .is_known = true }

/* A row for each state, a cell for each event. AdminDown takes no packet (section 6.8.6). */
static const struct bfd_row rows[BFD_STATES][BFD_EVENTS] = {
    STAY(ADMIN_DOWN, HEARD_ADMIN_DOWN),
    STAY(ADMIN_DOWN, HEARD_DOWN),
    STAY(ADMIN_DOWN, HEARD_INIT),
    STAY(ADMIN_DOWN, HEARD_UP),
    STAY(ADMIN_DOWN, EXPIRED),
    STAY(ADMIN_DOWN, DISABLE),

    STAY(DOWN, HEARD_ADMIN_DOWN),
    GO(DOWN, HEARD_DOWN, INIT, NONE),
    GO(DOWN, HEARD_INIT, UP, NONE),
    STAY(DOWN, HEARD_UP), /* it has not heard yet that we are down */
    STAY(DOWN, EXPIRED),
    GO(DOWN, DISABLE, ADMIN_DOWN, ADMIN_DOWN),

    GO(INIT, HEARD_ADMIN_DOWN, DOWN, NEIGHBOR_DOWN),
    STAY(INIT, HEARD_DOWN),
    GO(INIT, HEARD_INIT, UP, NONE),
    GO(INIT, HEARD_UP, UP, NONE),
    GO(INIT, EXPIRED, DOWN, EXPIRED),
    GO(INIT, DISABLE, ADMIN_DOWN, ADMIN_DOWN),

    GO(UP, HEARD_ADMIN_DOWN, DOWN, NEIGHBOR_DOWN),
    GO(UP, HEARD_DOWN, DOWN, NEIGHBOR_DOWN),
    STAY(UP, HEARD_INIT),
    STAY(UP, HEARD_UP),
    GO(UP, EXPIRED, DOWN, EXPIRED),
    GO(UP, DISABLE, ADMIN_DOWN, ADMIN_DOWN),
};

const struct bfd_row *bfd_row(enum bfd_state state, enum bfd_event event)
{
    return &rows[state][event];
}

/* While a Poll Sequence runs, what we say and what we do can differ. */
struct interval {
    uint32_t said_us, used_us;
};

/* What the peer said last; before that, and after silence, what RFC 5880 section 6.8.1 starts with. */
static const struct bfd_packet unheard = { .state = BFD_DOWN, .required_rx_us = 1 };

struct bfd_session {
    struct bfd_times times;
    uint32_t discriminator;
    uint8_t state, diag;
    struct interval tx, rx;
    struct bfd_packet remote;
    bool polling;      /* a Poll Sequence runs: our packets carry P until an F comes */
    bool owes_final;   /* the peer polls */
    bool owes_word;    /* our packet would differ from the last one: do not wait for the interval */
    uint32_t plan_us;  /* interval that tx_at was planned with */
    uint64_t now_ms, sent_ms, tx_at, detect_at, since_ms;
    uint64_t random;
    uint64_t packets_in, packets_out;
    uint32_t ups, failures;
    struct bfd_session_event events[EVENTS_MAX];
    unsigned event_first, event_count;
};

static uint32_t max_us(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* ---- intervals ---- */

static uint32_t tx_interval_us(const struct bfd_session *s)
{
    return max_us(s->tx.used_us, s->remote.required_rx_us);
}

static uint64_t detect_us(const struct bfd_session *s)
{
    return (uint64_t)s->remote.detect_mult * max_us(s->rx.used_us, s->remote.desired_tx_us);
}

static uint64_t detect_ms(const struct bfd_session *s)
{
    return (detect_us(s) + 999) / 1000;
}

/* When silence begins to be unusual. Packets come at most an interval apart, so who is cut off together with the first
 * that fails has been silent for two thirds of the time by then; a machine that is busy for a moment should not look so. */
static uint64_t late_at(const struct bfd_session *s)
{
    bool is_told = s->state == BFD_UP && s->detect_at != NEVER && s->remote.detect_mult >= LATE_MULT;
    return is_told ? s->detect_at - detect_ms(s) * 2 / 5 : NEVER;
}

/* Three quarters to all of the interval, with a multiplier of 1 nine tenths at most (section 6.8.7). */
static uint64_t jittered_ms(struct bfd_session *s, uint64_t us)
{
    uint64_t most = (s->times.detect_mult == 1 ? us / 10 * 9 : us) / 1000;
    uint64_t least = (us / 4 * 3 + 999) / 1000;
    s->random = s->random * 6364136223846793005u + 1442695040888963407u;
    return most > least ? least + (s->random >> 33) % (most - least + 1) : least;
}

/* Section 6.8.7: who wants nothing gets nothing; who is in Demand mode gets polls only. */
static bool is_silenced(const struct bfd_session *s)
{
    bool demand = s->remote.demand && s->state == BFD_UP && s->remote.state == BFD_UP;
    return !s->remote.required_rx_us || (demand && !s->polling);
}

static void plan(struct bfd_session *s)
{
    uint32_t us = is_silenced(s) ? 0 : tx_interval_us(s);
    if (us == s->plan_us)
        return;
    s->plan_us = us;
    s->tx_at = us ? s->sent_ms + jittered_ms(s, us) : NEVER;
}

/* Say other intervals, and poll (section 6.8.3). A slower rhythm of ours begins, and a faster one of
 * the peer's is counted on, only once the peer has confirmed; unless the session is not Up. */
static void say(struct bfd_session *s, uint32_t desired_us, uint32_t required_us)
{
    if (desired_us != s->tx.said_us || required_us != s->rx.said_us)
        s->polling = s->owes_word = true;
    s->tx.said_us = desired_us;
    s->rx.said_us = required_us;
    if (s->state != BFD_UP || desired_us < s->tx.used_us)
        s->tx.used_us = desired_us;
    if (s->state != BFD_UP || required_us > s->rx.used_us)
        s->rx.used_us = required_us;
}

static void say_times(struct bfd_session *s)
{
    uint32_t desired_us = s->times.desired_tx_us;
    say(s, s->state == BFD_UP ? desired_us : max_us(desired_us, SLOW_US), s->times.required_rx_us);
}

static void end_poll(struct bfd_session *s)
{
    s->polling = false;
    s->tx.used_us = s->tx.said_us;
    s->rx.used_us = s->rx.said_us;
}

/* ---- the machine ---- */

static void emit(struct bfd_session *s, enum bfd_state from)
{
    assert(s->event_count < EVENTS_MAX);
    s->events[(s->event_first + s->event_count++) % EVENTS_MAX] = (struct bfd_session_event){
        .from = (uint8_t)from, .to = s->state, .diag = s->diag, .remote_state = s->remote.state
    };
}

static void run(struct bfd_session *s, enum bfd_event event)
{
    const struct bfd_row *row = bfd_row((enum bfd_state)s->state, event);
    enum bfd_state from = (enum bfd_state)s->state;
    assert(row->is_known);
    if (row->next == from)
        return;
    s->state = row->next;
    s->diag = row->diag;
    s->since_ms = s->now_ms;
    s->ups += s->state == BFD_UP;
    s->failures += from == BFD_UP && s->state == BFD_DOWN && s->remote.state != BFD_ADMIN_DOWN;
    s->owes_word = true;
    say_times(s);
    emit(s, from);
}

void bfd_session_feed(struct bfd_session *s, const struct bfd_packet *p, uint64_t now_ms)
{
    s->now_ms = now_ms;
    s->packets_in++;
    s->remote = *p;
    if (p->final && s->polling)
        end_poll(s);
    if (s->state != BFD_ADMIN_DOWN) {
        run(s, (enum bfd_event)(BFD_HEARD_ADMIN_DOWN + p->state));
        s->owes_final |= p->poll;
        s->detect_at = now_ms + detect_ms(s); /* by the intervals of the state that this packet led to */
    }
    plan(s);
}

static void expire(struct bfd_session *s)
{
    s->detect_at = NEVER;
    s->remote = unheard; /* section 6.8.1: its discriminator is not used any more */
    run(s, BFD_EXPIRED);
    s->polling = false; /* nobody is there to answer */
    end_poll(s);
}

void bfd_session_tick(struct bfd_session *s, uint64_t now_ms)
{
    s->now_ms = now_ms;
    if (now_ms >= s->detect_at)
        expire(s);
    plan(s);
}

bool bfd_session_next(struct bfd_session *s, struct bfd_session_event *out)
{
    if (!s->event_count)
        return false;
    *out = s->events[s->event_first];
    s->event_first = (s->event_first + 1) % EVENTS_MAX;
    s->event_count--;
    return true;
}

static size_t put(struct bfd_session *s, uint8_t *buf, bool is_final)
{
    bfd_packet_encode(&(struct bfd_packet){ .state = s->state,
                                            .diag = s->diag,
                                            .detect_mult = s->times.detect_mult,
                                            .poll = s->polling && !is_final, /* never both: 6.8.7 */
                                            .final = is_final,
                                            .my_discriminator = s->discriminator,
                                            .your_discriminator = s->remote.my_discriminator,
                                            .desired_tx_us = s->tx.said_us,
                                            .required_rx_us = s->rx.said_us },
                      buf);
    s->packets_out++;
    return BFD_PACKET;
}

size_t bfd_session_pull(struct bfd_session *s, uint8_t *buf, size_t cap)
{
    if (cap < BFD_PACKET)
        return 0;
    if (s->owes_final) { /* at once, whatever the timers say (section 6.8.7) */
        s->owes_final = false;
        return put(s, buf, true);
    }
    if (!s->owes_word && s->now_ms < s->tx_at)
        return 0;
    s->owes_word = false;
    s->sent_ms = s->now_ms;
    s->tx_at = s->plan_us ? s->now_ms + jittered_ms(s, s->plan_us) : NEVER;
    return put(s, buf, false);
}

uint64_t bfd_session_deadline(const struct bfd_session *s)
{
    if (s->owes_final || s->owes_word)
        return s->now_ms;
    uint64_t due = s->tx_at < s->detect_at ? s->tx_at : s->detect_at, late = late_at(s);
    return late > s->now_ms && late < due ? late : due;
}

void bfd_session_rearm(struct bfd_session *s, uint64_t now_ms)
{
    s->now_ms = now_ms;
    if (s->detect_at != NEVER && s->detect_at < now_ms + detect_ms(s))
        s->detect_at = now_ms + detect_ms(s);
}

/* ---- administration ---- */

void bfd_session_change(struct bfd_session *s, const struct bfd_times *times, uint64_t now_ms)
{
    s->now_ms = now_ms;
    s->owes_word |= times->detect_mult != s->times.detect_mult;
    s->times = *times;
    say_times(s);
    if (s->detect_at != NEVER && s->detect_at < now_ms + detect_ms(s))
        s->detect_at = now_ms + detect_ms(s); /* never judged by a rhythm that was not asked for yet */
    plan(s);
}

void bfd_session_disable(struct bfd_session *s, uint64_t now_ms)
{
    s->now_ms = now_ms;
    run(s, BFD_DISABLE);
    plan(s);
}

struct bfd_session *bfd_session_new(const struct bfd_session_cfg *cfg, uint64_t now_ms)
{
    assert(cfg->discriminator && cfg->times.detect_mult);
    struct bfd_session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->times = cfg->times;
    s->discriminator = cfg->discriminator;
    s->random = cfg->seed;
    s->state = BFD_DOWN;
    s->remote = unheard;
    s->detect_at = NEVER;
    s->now_ms = s->since_ms = s->sent_ms = now_ms;
    say_times(s);
    s->polling = false; /* the first word is no change */
    plan(s);
    return s;
}

void bfd_session_free(struct bfd_session *s)
{
    free(s);
}

/* ---- sight ---- */

enum bfd_state bfd_session_state(const struct bfd_session *s)
{
    return (enum bfd_state)s->state;
}

void bfd_session_view(const struct bfd_session *s, struct bfd_view *out)
{
    uint64_t detect = detect_us(s);
    *out = (struct bfd_view){ .state = s->state,
                              .diag = s->diag,
                              .remote_state = s->remote.state,
                              .remote_diag = s->remote.diag,
                              .detect_mult = s->remote.detect_mult,
                              .discriminator = s->discriminator,
                              .remote_discriminator = s->remote.my_discriminator,
                              .tx_us = tx_interval_us(s),
                              .detect_us = detect < UINT32_MAX ? (uint32_t)detect : UINT32_MAX,
                              .is_late = s->now_ms >= late_at(s),
                              .since_ms = s->since_ms,
                              .packets_in = s->packets_in,
                              .packets_out = s->packets_out,
                              .ups = s->ups,
                              .failures = s->failures };
}
