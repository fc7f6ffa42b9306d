/* The shadow: what stands in the store, from listings and a watch.
 *
 * Both tell of a key as of some revision, and our own writes do too; a note per prefix keeps the
 * highest, and what is older says nothing: a page that was read before a write cannot undo it. */
#include <stdlib.h>
#include <string.h>

#include "node/base/memory.h"
#include "node/targets/etcd_internal.h"

enum { RELIST_MS = 60000, WATCH_AGAIN_MS = 250, WATCH_AGAIN_MAX_MS = 10000, MISSING_A_TURN = 32768 };

/* ---- notes ---- */

struct etcd_note *etcd_note(struct etcd *e, uint32_t prefix)
{
    enum bgp_family f = prefix_index_family(prefix);
    uint32_t place = prefix_index_place(prefix), cap = e->notes_cap[f] ? e->notes_cap[f] : 64;
    while (cap <= place)
        cap *= 2;
    if (cap > e->notes_cap[f]) {
        struct etcd_note *wider = memory_new(cap, sizeof *wider);
        if (e->notes_cap[f])
            memcpy(wider, e->notes[f], e->notes_cap[f] * sizeof *wider);
        free(e->notes[f]);
        e->notes[f] = wider;
        e->notes_cap[f] = cap;
    }
    return &e->notes[f][place];
}

void etcd_stands(struct etcd *e, uint32_t prefix, uint32_t old, uint32_t nhset)
{
    struct ip_prefix route;
    prefix_table_prefix(e->cfg.prefixes, prefix, &route);
    repl_digest_change(&e->digest, &route, nhset_get(e->cfg.sets, old), nhset_get(e->cfg.sets, nhset));
    e->count += (nhset != 0) - (uint64_t)(old != 0);
}

void etcd_release(struct etcd *e, uint32_t prefix)
{
    if (program_holds(e->cfg.program, prefix))
        return;
    *etcd_note(e, prefix) = (struct etcd_note){ 0 };
    e->cfg.on_released(e->cfg.data, prefix);
}

/* ---- when to list ---- */

static void list_by(struct etcd *e, uint64_t at_ms)
{
    if (at_ms < e->listing.due_ms)
        e->listing.due_ms = at_ms;
}

void etcd_list_soon(struct etcd *e)
{
    e->listing.is_due = true;
    list_by(e, e->cfg.now());
}

/* ---- one key ---- */

static uint32_t set_of(struct etcd *e, const struct etcd_pair *pair)
{
    struct ip_addr members[NHSET_MAX];
    uint32_t count;
    bool nomem = false;
    if (!pair->value_len || !etcd_read_route(pair->value, pair->value_len, members, &count))
        return 0;
    uint32_t set = nhset_intern(e->cfg.sets, members, count, &nomem);
    if (nomem)
        abort();
    return set;
}

static void must(int err)
{
    if (err)
        abort(); /* out of memory: the supervisor starts us again, the other node serves */
}

static void observe(struct etcd *e, uint32_t prefix, uint32_t set)
{
    uint32_t old = program_actual_set(e->cfg.program, prefix);
    if (old == set)
        return;
    nhset_ref(e->cfg.sets, old);
    if (e->listing.is_first)
        must(program_inherit(e->cfg.program, prefix, set));
    else
        must(program_observe(e->cfg.program, prefix, set));
    etcd_stands(e, prefix, old, set);
    nhset_unref(e->cfg.sets, old);
    if (!e->listing.is_first || e->cfg.is_reader)
        e->cfg.on_observed(e->cfg.data, prefix);
    if (repl_fence_may_write(e->cfg.fence) && !(e->request && e->lane == ETCD_WRITES))
        e->status.repairs++; /* it was not us */
}

/* What the watch has passed, and is not known here, is of an event that was lost; or it has been deleted, and forgotten, since
 * the listing's revision. */
static bool is_doubtful(const struct etcd *e, uint32_t prefix, uint32_t set, int64_t revision)
{
    return set && !program_actual_set(e->cfg.program, prefix) && revision < e->watched;
}

/* A route as of a revision; an empty value: it is not there. */
static void see_route(struct etcd *e, const struct ip_prefix *route, const struct etcd_pair *pair)
{
    uint32_t set = set_of(e, pair);
    uint32_t prefix =
        set ? prefix_table_get(e->cfg.prefixes, route) : prefix_table_find(e->cfg.prefixes, route);
    must(set && !prefix);
    if (prefix) {
        struct etcd_note *note = etcd_note(e, prefix);
        note->mark = e->listing.mark;
        if (pair->revision > note->revision) {
            note->revision = pair->revision;
            if (is_doubtful(e, prefix, set, pair->revision))
                etcd_list_soon(e);
            observe(e, prefix, set);
            etcd_release(e, prefix);
        }
    }
    nhset_unref(e->cfg.sets, set);
}

void etcd_tell_fence(struct etcd *e, const struct etcd_pair *pair, int64_t as_of, bool refused)
{
    struct repl_fence_record r;
    if (as_of < e->fence_told)
        return;
    bool is_valid = pair && etcd_read_fence(pair->value, pair->value_len, &r);
    e->fence_told = as_of;
    e->fence_revision = pair ? pair->revision : 0;
    if (refused)
        repl_fence_refused(e->cfg.fence, is_valid ? &r : NULL, e->cfg.now());
    else
        repl_fence_seen(e->cfg.fence, is_valid ? &r : NULL, e->cfg.now());
}

void etcd_tell_beat(struct etcd *e, const struct etcd_pair *pair)
{
    uint64_t epoch;
    if (etcd_read_beat(pair->value, pair->value_len, &epoch))
        repl_fence_remember(e->cfg.fence, epoch, e->cfg.now());
    repl_fence_beat_seen(e->cfg.fence, (uint64_t)pair->revision, e->cfg.now());
}

static bool is_whole(const struct etcd *e)
{
    uint8_t digest[REPL_DIGEST];
    repl_digest_write(&e->digest, digest);
    return e->gen_revision && e->gen.count == e->count && !memcmp(digest, e->gen.digest, REPL_DIGEST);
}

static void tell_whole(struct etcd *e)
{
    if (e->cfg.on_whole && e->status.has_listed && is_whole(e))
        e->cfg.on_whole(e->cfg.data);
}

static void tell_gen(struct etcd *e, const struct etcd_pair *pair)
{
    struct etcd_gen g;
    if (pair->revision <= e->gen_revision)
        return;
    bool is_valid = etcd_read_gen(pair->value, pair->value_len, &g);
    e->gen = is_valid ? g : (struct etcd_gen){ 0 };
    e->gen_revision = pair->revision;
    tell_whole(e); /* the last operation of a batch carries it */
}

/* is_deleted: pair has no value, and its revision is that of the deletion. */
static void see(struct etcd *e, const struct etcd_pair *pair, bool is_deleted)
{
    struct ip_prefix route;
    switch (etcd_key_of(e->prefix, pair->key, pair->key_len, &route)) {
    case ETCD_ROUTE:
        see_route(e, &route, pair);
        break;
    case ETCD_FENCE:
        e->listing.has_fence = true;
        etcd_tell_fence(e, is_deleted ? NULL : pair, pair->revision, false);
        break;
    case ETCD_BEAT:
        etcd_tell_beat(e, pair);
        break;
    case ETCD_GEN:
        e->listing.has_gen = true;
        tell_gen(e, pair);
        break;
    case ETCD_FOREIGN:
        break;
    }
}

/* ---- listing ---- */

static uint64_t next_listing(const struct etcd *e)
{
    return e->cfg.now() + (e->cfg.relist_ms ? e->cfg.relist_ms : RELIST_MS);
}

static void list_from(struct etcd *e, const char *key, size_t len)
{
    free(e->listing.from);
    e->listing.from = memory_new(len + 1, 1);
    memcpy(e->listing.from, key, len);
    e->listing.from_len = len;
}

/* What the listing did not see, and nobody changed since, is not there: … */
static void find_missing_keys(struct etcd *e)
{
    if (!e->listing.has_fence && e->fence_revision)
        etcd_tell_fence(e, NULL, e->listing.revision, false);
    if (!e->listing.has_gen && e->gen_revision)
        tell_gen(e, &(struct etcd_pair){ .revision = e->listing.revision });
}

/* … and routes. */
static void miss(struct etcd *e, uint32_t prefix, const struct etcd_note *note)
{
    if (note->mark == e->listing.mark || note->revision > e->listing.revision || !program_actual_set(e->cfg.program, prefix))
        return;
    observe(e, prefix, 0);
    etcd_release(e, prefix);
}

static void end_listing(struct etcd *e)
{
    bool is_first = e->listing.is_first;
    e->listing.is_running = e->listing.is_first = e->listing.is_read = false;
    e->listing.due_ms = e->listing.is_due ? e->cfg.now() : next_listing(e);
    if (e->listing.revision > e->watched)
        e->watched = e->listing.revision;
    e->gen_is_due |= !is_whole(e); /* it speaks of what was listed, unless we wrote since */
    e->status.listings++;
    e->status.has_listed = true;
    if (is_first)
        e->cfg.on_ready(e->cfg.data);
    tell_whole(e);
}

void etcd_find_missing(struct etcd *e)
{
    uint32_t left = MISSING_A_TURN;
    for (; e->listing.family < BGP_FAMILIES; e->listing.family++, e->listing.place = 1)
        for (; e->listing.place < e->notes_cap[e->listing.family]; e->listing.place++) {
            if (!left--)
                return;
            uint32_t place = e->listing.place, family = e->listing.family;
            miss(e, place | family << PREFIX_FAMILY_SHIFT, &e->notes[family][place]);
        }
    end_listing(e);
}

/* There is nothing yet that the first one could miss. */
static void on_last_page(struct etcd *e)
{
    if (e->listing.is_first) {
        end_listing(e);
        return;
    }
    find_missing_keys(e);
    e->listing.is_read = true;
    e->listing.family = 0;
    e->listing.place = 1;
}

static void see_page(struct etcd *e, const json_t *kvs)
{
    size_t i;
    const json_t *kv;
    struct etcd_pair pair;
    json_array_foreach(kvs, i, kv)
    {
        if (!etcd_pair_read(kv, &pair))
            continue;
        see(e, &pair, false);
        if (i + 1 == json_array_size(kvs))
            list_from(e, pair.key, pair.key_len + 1); /* behind it: with the 0 */
        etcd_pair_free(&pair);
    }
}

static void on_page(struct etcd *e, const struct etcd_answer *a)
{
    if (a->fault == ETCD_COMPACTED) { /* our revision became history meanwhile: begin again */
        e->listing.is_running = false;
        etcd_list_soon(e);
    }
    if (a->fault != ETCD_FINE)
        return;
    const json_t *kvs = json_object_get(a->body, "kvs");
    if (!e->listing.revision)
        e->listing.revision = etcd_revision(a->body);
    see_page(e, kvs);
    if (!json_is_true(json_object_get(a->body, "more")) || !json_array_size(kvs))
        on_last_page(e);
}

void etcd_list(struct etcd *e)
{
    if (!e->listing.is_running) {
        e->listing.is_running = true;
        e->listing.is_first = !e->status.has_listed;
        e->listing.is_due = e->listing.has_fence = e->listing.has_gen = false;
        e->listing.revision = 0;
        e->listing.mark++;
        list_from(e, e->prefix, strlen(e->prefix));
    }
    etcd_call(e, ETCD_READS, "/v3/kv/range",
              etcd_request_range(e->listing.from, e->listing.from_len, e->key_end, ETCD_PAGE,
                                 e->listing.revision),
              on_page);
}

static void on_checked(struct etcd *e, const struct etcd_answer *a)
{
    struct etcd_pair pair;
    if (a->fault != ETCD_FINE)
        return;
    e->listing.due_ms = next_listing(e);
    if (etcd_pair_read(json_array_get(json_object_get(a->body, "kvs"), 0), &pair)) {
        tell_gen(e, &pair);
        etcd_pair_free(&pair);
    }
    if (!is_whole(e))
        etcd_list_soon(e);
}

void etcd_check(struct etcd *e)
{
    char end[ETCD_KEY_MAX + 1];
    snprintf(end, sizeof end, "%s!", e->gen_key);
    etcd_call(e, ETCD_READS, "/v3/kv/range",
              etcd_request_range(e->gen_key, strlen(e->gen_key), end, 0, 0), on_checked);
}

/* A store that was made anew counts from the beginning: nothing we noted means anything there. */
void etcd_heed(struct etcd *e, const json_t *answer)
{
    int64_t revision = etcd_revision(answer);
    if (json_object_get(answer, "token"))
        return; /* a login is answered by any member, however far behind */
    if (revision && revision < e->status.revision) {
        for (int f = 0; f < BGP_FAMILIES; f++)
            for (uint32_t place = 0; place < e->notes_cap[f]; place++)
                e->notes[f][place].revision = 0;
        e->watched = e->fence_told = e->gen_revision = 0;
        e->listing.is_running = e->listing.is_read = false;
        etcd_watch_stop(e);
        etcd_list_soon(e);
        repl_fence_woke(e->cfg.fence);
    }
    if (revision)
        e->status.revision = revision;
}

/* ---- watch ---- */

static void see_event(struct etcd *e, const json_t *event)
{
    struct etcd_pair pair;
    const char *type = json_string_value(json_object_get(event, "type"));
    if (!etcd_pair_read(json_object_get(event, "kv"), &pair))
        return;
    see(e, &pair, type && !strcmp(type, "DELETE"));
    if (pair.revision > e->watched)
        e->watched = pair.revision;
    etcd_pair_free(&pair);
}

static void watch_later(struct etcd *e)
{
    uint64_t wait = (uint64_t)WATCH_AGAIN_MS << (e->watch_failures < 8 ? e->watch_failures : 8);
    e->watch_failures++;
    e->watch_at_ms = e->cfg.now() + (wait < WATCH_AGAIN_MAX_MS ? wait : WATCH_AGAIN_MAX_MS);
    e->watch = NULL;
    e->status.is_watching = false;
}

/* One line of the stream; false: the stream says it is over. */
static bool see_line(struct etcd *e, const char *line, size_t len)
{
    size_t i;
    const json_t *event;
    json_t *body = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *result = json_object_get(body, "result");
    bool goes_on = result && !json_is_true(json_object_get(result, "canceled"));
    if (goes_on) {
        e->watch_failures = 0;
        json_array_foreach(json_object_get(result, "events"), i, event) see_event(e, event);
    } else if (etcd_number(result, "compact_revision")) {
        etcd_list_soon(e); /* events were lost */
    }
    json_decref(body);
    return goes_on;
}

static size_t on_watch_data(void *data, const char *bytes, size_t len)
{
    struct etcd *e = data;
    size_t used = 0;
    bool goes_on = true;
    for (const char *end; goes_on && (end = memchr(bytes + used, '\n', len - used));) {
        size_t line = (size_t)(end - bytes) - used;
        goes_on = line == 0 || see_line(e, bytes + used, line);
        used += line + 1;
    }
    if (!goes_on)
        etcd_watch_stop(e);
    etcd_wake(e);
    return used;
}

/* A small request finds out whether the endpoint lives, or leaves it. */
static void ask_for_life(struct etcd *e)
{
    if (e->cfg.is_reader)
        list_by(e, e->cfg.now());
    else
        repl_fence_woke(e->cfg.fence);
}

static void on_watch_done(void *data, const struct http_answer *a)
{
    struct etcd *e = data;
    if (a->outcome != HTTP_ANSWERED)
        ask_for_life(e);
    watch_later(e);
    etcd_wake(e);
}

void etcd_watch(struct etcd *e)
{
    e->watch =
        etcd_request(e, "/v3/watch", etcd_request_watch(e->prefix, e->key_end, e->watched + 1), 0,
                     on_watch_done, on_watch_data);
    if (!e->watch)
        watch_later(e);
    e->status.is_watching = e->watch != NULL;
    e->status.watches++;
}

void etcd_watch_stop(struct etcd *e)
{
    if (e->watch)
        http_request_cancel(e->watch);
    watch_later(e);
}
