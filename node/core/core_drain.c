/* Planned work: this node leaves, or ends, without a loss.
 *
 * draining  shared targets go to who else reads them; every NVA is told all routes once more with
 *           GRACEFUL_SHUTDOWN (RFC 8326 section 4), so that it moves to the other nodes' while ours still
 *           stand; when all have been told they get the time that the configuration gives them
 * drained   sessions are closed with Administrative Shutdown and words (RFC 9003); what was learned on
 *           them is held like a dead node's routes, so nothing leaves any target for it
 * A stop drains first, except towards those who hold our routes over our restart anyway. Slow readers and a
 * target that nobody takes cannot keep the node: each is waited for as long as TELL_MS. */
#include <stdio.h>

#include "node/core/core_impl.h"

enum { TELL_MS = 10000, LOOK_MS = 50 };

const char *core_drain_name(uint8_t state)
{
    static const char *const names[] = { [CORE_SERVING] = "serving",
                                         [CORE_DRAINING] = "draining",
                                         [CORE_DRAINED] = "drained" };
    return names[state];
}

static bool is_up(const struct core_peer *p)
{
    return p->session && bgp_session_slot(p->session) >= 0;
}

/* RFC 4724: it bridges our restart, which a stop most likely is the beginning of. */
static bool bridges(const struct core *c, const struct core_peer *p)
{
    return c->drain.is_stop && p->cfg->graceful == CONFIG_GRACEFUL_FULL && p->sends_eor;
}

bool core_drain_marks(const struct core *c, const struct core_peer *p)
{
    return c->drain.state == CORE_DRAINING && !bridges(c, p);
}

/* ---- is it time? ---- */

static bool has_heard_all(const struct core_peer *p)
{
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (p->out[f] && adjout_has_output(p->out[f]))
            return false;
    return p->conns[bgp_session_slot(p->session)]->pump.tx_len == 0;
}

static bool all_have_heard(const struct core *c)
{
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (is_up(p) && !bridges(c, p) && !has_heard_all(p))
            return false;
    return true;
}

static unsigned count_told(const struct core *c)
{
    unsigned count = 0;
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        count += is_up(p) && !bridges(c, p);
    return count;
}

/* Without anybody who could hear there is nothing to wait for. */
static uint64_t wait_ms(const struct core *c)
{
    return count_told(c) ? c->config->drain_ms : 0;
}

/* ---- leaving ---- */

static void close_session(struct core *c, struct core_peer *p)
{
    uint8_t subcode = bridges(c, p) ? BGP_ADMIN_RESET : BGP_ADMIN_SHUTDOWN;
    p->restart_at = 0;
    bgp_session_stop(p->session, subcode, c->drain.text, c->now_ms);
    core_bgp_settle(c, p);
}

static void leave(struct core *c)
{
    c->drain.state = CORE_DRAINED;
    if (c->drain.is_stop)
        c->phase = CORE_STOPPING; /* what ends now is no news for anybody's table */
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (p->session)
            close_session(c, p);
    core_event(c, CONFIG_LOG_INFO, "drained", NULL, "after_ms=%llu",
               (unsigned long long)(c->now_ms - c->drain.since_ms));
    if (!c->drain.is_stop)
        return;
    core_shared_stop(c);
    core_bmp_stop(c);
    core_cluster_stop(c);
}

static void retell(struct core *c)
{
    for (struct core_peer *p = core_next_peer(c, NULL); p; p = core_next_peer(c, p))
        if (is_up(p))
            core_routes_retell(c, p);
}

static void begin(struct core *c, const char *text)
{
    bool is_stop = c->drain.is_stop;
    c->drain = (struct core_drain){ .state = CORE_DRAINING, .is_stop = is_stop, .since_ms = c->now_ms };
    snprintf(c->drain.text, sizeof c->drain.text, "%s", text);
    core_event(c, CONFIG_LOG_INFO, "draining", NULL, "sessions=%u wait_ms=%llu", count_told(c),
               (unsigned long long)wait_ms(c));
    retell(c);
    core_shared_tick(c);
}

/* ---- outside ---- */

void core_drain(struct core *c, const char *text, uint64_t now_ms)
{
    c->now_ms = now_ms;
    if (c->phase != CORE_STOPPING && c->drain.state == CORE_SERVING)
        begin(c, text);
}

void core_undrain(struct core *c, uint64_t now_ms)
{
    bool has_left = c->drain.state == CORE_DRAINED;
    c->now_ms = now_ms;
    if (c->phase == CORE_STOPPING || c->drain.is_stop || c->drain.state == CORE_SERVING)
        return;
    c->drain.state = CORE_SERVING;
    core_event(c, CONFIG_LOG_INFO, "undrained", NULL, NULL);
    if (!has_left)
        retell(c);
    for (struct core_peer *p = core_next_peer(c, NULL); has_left && p; p = core_next_peer(c, p))
        if (p->session)
            core_bgp_permit(c, p);
}

uint64_t core_stop(struct core *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    if (c->phase == CORE_STOPPING || c->drain.is_stop)
        return now_ms;
    c->drain.is_stop = true;
    core_event(c, CONFIG_LOG_INFO, "stopping", NULL, NULL);
    uint64_t wait = wait_ms(c);
    if (c->drain.state == CORE_SERVING && wait)
        begin(c, "node stops");
    if (c->drain.state == CORE_DRAINING)
        return now_ms + TELL_MS + wait;
    snprintf(c->drain.text, sizeof c->drain.text, "node stops");
    c->drain.since_ms = now_ms;
    leave(c);
    return now_ms;
}

void core_drain_tick(struct core *c)
{
    struct core_drain *d = &c->drain;
    if (d->state != CORE_DRAINING)
        return;
    bool is_told = core_shared_has_moved(c) && all_have_heard(c);
    if (!d->told_ms && (is_told || c->now_ms >= d->since_ms + TELL_MS))
        d->told_ms = c->now_ms;
    if (d->told_ms && c->now_ms >= d->told_ms + wait_ms(c))
        leave(c);
}

uint64_t core_drain_deadline(const struct core *c)
{
    if (c->drain.state != CORE_DRAINING)
        return UINT64_MAX;
    return c->drain.told_ms ? c->drain.told_ms + wait_ms(c) : c->now_ms + LOOK_MS;
}
