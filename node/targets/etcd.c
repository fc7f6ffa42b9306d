/* Life of the target, and which step comes next. */
#include "node/targets/etcd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/targets/etcd_internal.h"

/* ---- steps ---- */

static bool may(const struct etcd *e, enum etcd_lane lane, uint64_t now_ms)
{
    return now_ms >= e->lanes[ETCD_READS].until_ms && now_ms >= e->lanes[lane].until_ms;
}

static bool step_of_fence(struct etcd *e, uint64_t now_ms)
{
    if (!e->cfg.fence->must_read && !may(e, ETCD_WRITES, now_ms))
        return false; /* asking for a step would mean taking it */
    switch (repl_fence_next(e->cfg.fence, now_ms)) {
    case REPL_FENCE_READ:
        etcd_fence_read(e);
        return true;
    case REPL_FENCE_TAKE:
        etcd_fence_take(e);
        return true;
    case REPL_FENCE_BEAT:
        etcd_fence_beat(e);
        return true;
    case REPL_FENCE_NOTHING:
        break;
    }
    return false;
}

/* A long listing, or one that is asked for, and many writes take turns. */
static bool step_of_writing(struct etcd *e, uint64_t now_ms)
{
    bool yields = (e->listing.is_running || e->listing.is_due) && e->listing.just_wrote;
    e->listing.just_wrote = false;
    if (yields || !e->status.has_listed || !may(e, ETCD_WRITES, now_ms) ||
        !repl_fence_may_write(e->cfg.fence) || !etcd_write(e))
        return false;
    e->listing.just_wrote = true;
    return true;
}

static bool step_of_listing(struct etcd *e, uint64_t now_ms)
{
    if (!e->listing.is_running && now_ms < e->listing.due_ms)
        return false;
    if (e->listing.is_read)
        etcd_find_missing(e);
    else if (e->cfg.is_reader && e->status.has_listed && !e->listing.is_running && !e->listing.is_due)
        etcd_check(e);
    else
        etcd_list(e);
    return true;
}

static void take_step(struct etcd *e, uint64_t now_ms)
{
    if (e->request || !may(e, ETCD_READS, now_ms))
        return;
    if (e->needs_token)
        etcd_authenticate(e);
    else if (!step_of_fence(e, now_ms) && !step_of_writing(e, now_ms))
        step_of_listing(e, now_ms);
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer)
{
    etcd_wake(timer->data);
}

static void by(uint64_t *due, uint64_t at_ms)
{
    if (at_ms < *due)
        *due = at_ms;
}

/* While a request is under way its end comes by itself; steps of the fence fall due in the core. */
static uint64_t deadline(const struct etcd *e, uint64_t now_ms)
{
    uint64_t due = UINT64_MAX, reads = e->lanes[ETCD_READS].until_ms,
             writes = e->lanes[ETCD_WRITES].until_ms;
    if (!e->watch && e->status.has_listed && !e->needs_token)
        by(&due, e->watch_at_ms);
    if (e->request)
        return due;
    if (now_ms < reads)
        by(&due, reads);
    else
        by(&due, e->listing.due_ms);
    if (now_ms < writes)
        by(&due, writes);
    else if (now_ms >= reads && repl_fence_may_write(e->cfg.fence))
        by(&due, program_deadline(e->cfg.program));
    return due;
}

void etcd_turn(struct etcd *e, uint64_t now_ms)
{
    if (e->status.has_listed && !e->watch && now_ms >= e->watch_at_ms && !e->needs_token)
        etcd_watch(e);
    take_step(e, now_ms);
    uint64_t due = deadline(e, now_ms);
    if (due == UINT64_MAX)
        uv_timer_stop(&e->timer);
    else
        uv_timer_start(&e->timer, on_timer, due > now_ms ? due - now_ms : 1, 0);
}

/* ---- life ---- */

static void set_keys(struct etcd *e)
{
    const char *prefix = e->cfg.target->etcd.prefix;
    size_t len = strlen(prefix);
    snprintf(e->prefix, sizeof e->prefix, "%s%s", prefix, len && prefix[len - 1] == '/' ? "" : "/");
    etcd_key_end(e->prefix, e->key_end);
    etcd_key_name(e->prefix, ETCD_FENCE, e->fence_key);
    etcd_key_name(e->prefix, ETCD_BEAT, e->beat_key);
    etcd_key_name(e->prefix, ETCD_GEN, e->gen_key);
}

struct etcd *etcd_new(const struct etcd_cfg *cfg)
{
    struct etcd *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->cfg = *cfg;
    e->http = http_client_new(&(struct http_client_cfg){ .loop = cfg->loop,
                                                         .ca_file = cfg->target->etcd.ca_file,
                                                         .cert_file = cfg->target->etcd.cert_file,
                                                         .key_file = cfg->target->etcd.key_file,
                                                         .connect_ms = ETCD_CONNECT_MS });
    if (!e->http) {
        free(e);
        return NULL;
    }
    set_keys(e);
    repl_digest_init(&e->digest, REPL_DIGEST_SUM, cfg->digest_key);
    e->status.state = "starting";
    e->needs_token = cfg->target->etcd.user_file != NULL;
    uv_timer_init(cfg->loop, &e->timer);
    e->timer.data = e;
    return e;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void etcd_free(struct etcd *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->op_count; i++) {
        nhset_unref(e->cfg.sets, e->ops[i].nhset);
        nhset_unref(e->cfg.sets, e->ops[i].previous);
    }
    http_client_free(e->http);
    for (int f = 0; f < BGP_FAMILIES; f++)
        free(e->notes[f]);
    free(e->listing.from);
    free(e->token);
    uv_close((uv_handle_t *)&e->timer, on_closed);
}

void etcd_status(const struct etcd *e, struct etcd_status *out)
{
    *out = e->status;
    out->endpoint = e->cfg.target->etcd.endpoints[e->endpoint];
}
