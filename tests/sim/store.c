/* The store that the nodes share, and what goes wrong between it and them. */
#include <stdlib.h>
#include <string.h>

#include "node/targets/azure_internal.h"
#include "tests/sim/shared.h"

enum { LEASE_MS = 5000, MOST_DOWN_MS = 8000, FOREIGN_ROUTES = 8 };

#define PREFIX "/sim/" /* of the keys in etcd */

void store_init(struct world *w, enum sim_store_kind kind)
{
    struct sim_store *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->kind = kind;
    nhset_table_init(&s->sets, (struct hash_key){ 1, 2 });
    s->etcd = (struct fake_etcd){ .revision = 1, .keeps_history = true };
    fake_arm_init(&s->arm, AZ_TABLE("Succeeded", "{}", AZ_FOREIGN "," AZ_TAGGED));
    s->arm.seed = sim_random(w);
    s->arm.chance = sim_pick(w, 2) ? sim_pick(w, 120) : 0;
    s->arm.provisioning_ms = 20 + sim_pick(w, 800);
    s->loses = sim_pick(w, 3) ? 0 : sim_pick(w, 200);
    s->repeats = sim_pick(w, 3) ? 0 : sim_pick(w, 200);
    w->store = s;
}

void store_fini(struct world *w)
{
    struct sim_store *s = w->store;
    if (!s)
        return;
    fake_etcd_fini(&s->etcd);
    fake_arm_fini(&s->arm);
    nhset_table_fini(&s->sets);
    free(s);
    w->store = NULL;
}

/* ---- what stands there ---- */

static void note_route(struct sim_table *t, const struct ip_prefix *prefix, const struct ip_addr *hops,
                       uint32_t count)
{
    int number = sim_prefix_number(prefix);
    if (number < 0)
        return;
    t->present[number] = true;
    t->hop_count[number] = count < SIM_NVAS_MAX ? count : SIM_NVAS_MAX;
    memcpy(t->hops[number], hops, t->hop_count[number] * sizeof *hops);
}

static void note_key(struct sim_table *t, struct repl_fence_record *fence, const char *name, const char *value)
{
    struct ip_prefix route;
    struct ip_addr hops[NHSET_MAX];
    uint32_t count;
    enum etcd_key key = etcd_key_of(PREFIX, name, strlen(name), &route);
    if (key == ETCD_FENCE && !etcd_read_fence(value, strlen(value), fence))
        *fence = (struct repl_fence_record){ 0 };
    if (key == ETCD_ROUTE && etcd_read_route(value, strlen(value), hops, &count))
        note_route(t, &route, hops, count);
}

static void read_document(struct world *w, json_t *take_document, struct sim_table *t, struct repl_fence_record *fence)
{
    char error[AZURE_ERROR_MAX];
    struct azure_machine_cfg cfg = { .config = &w->config };
    struct azure_table table = { .sets = &w->store->sets };
    uint64_t beat;
    if (!azure_table_take(&table, take_document, error)) {
        sim_fail(w, "a node writes what is no route table: %s", error);
        return;
    }
    for (size_t i = 0; i < table.count; i++) {
        const struct nhset *set = nhset_get(&w->store->sets, table.routes[i].nhset);
        if (set)
            note_route(t, &table.routes[i].prefix, set->members, set->count);
    }
    if (azure_fence_parse(&cfg, table.fence, fence, &beat) != AZURE_TAG_GOOD)
        *fence = (struct repl_fence_record){ 0 };
    azure_table_fini(&table);
}

void store_read(struct world *w, struct sim_table *out, struct repl_fence_record *fence)
{
    struct sim_store *s = w->store;
    *out = (struct sim_table){ 0 };
    *fence = (struct repl_fence_record){ 0 };
    if (s->kind == SIM_ARM) {
        read_document(w, json_incref(s->arm.document), out, fence);
        return;
    }
    for (size_t i = 0; i < s->etcd.count; i++)
        note_key(out, fence, s->etcd.keys[i].name, s->etcd.keys[i].value);
}

/* The document of a PUT has no ETag yet. */
static void foresee_document(struct world *w, const struct sim_call *c, struct sim_table *out,
                             struct repl_fence_record *fence)
{
    json_t *sent = json_loadb(c->q.body, c->q.len, JSON_REJECT_DUPLICATES, NULL);
    json_object_set_new(sent, "etag", json_string("W/\"0\""));
    *out = (struct sim_table){ 0 };
    *fence = (struct repl_fence_record){ 0 };
    read_document(w, sent, out, fence);
}

static void foresee_op(const json_t *op, struct sim_table *out, struct repl_fence_record *fence)
{
    char name[ETCD_KEY_MAX], value[FAKE_ETCD_VALUE];
    const json_t *put = json_object_get(op, "request_put");
    const json_t *drop = json_object_get(op, "request_delete_range");
    struct ip_prefix route;
    fake_decoded(put ? put : drop, "key", name, sizeof name);
    if (put) {
        fake_decoded(put, "value", value, sizeof value);
        note_key(out, fence, name, value);
    } else if (etcd_key_of(PREFIX, name, strlen(name), &route) == ETCD_ROUTE && sim_prefix_number(&route) >= 0) {
        out->present[sim_prefix_number(&route)] = false;
    }
}

void store_foresee(struct world *w, const struct sim_call *c, struct sim_table *out,
                   struct repl_fence_record *fence)
{
    size_t i;
    const json_t *op;
    if (w->store->kind == SIM_ARM) {
        foresee_document(w, c, out, fence);
        return;
    }
    json_t *q = json_loadb(c->q.body, c->q.len, 0, NULL);
    *out = w->store->table;
    *fence = w->store->fence;
    json_array_foreach(json_object_get(q, "success"), i, op) foresee_op(op, out, fence);
    json_decref(q);
}

/* ---- watches ---- */

static void stream_to(struct world *w, struct sim_watch *watch, char *take_text)
{
    struct sim_event e = { .kind = SIM_STREAM,
                           .who = watch->host,
                           .generation = (unsigned)watch->life,
                           .sequence = watch->serial,
                           .at = w->now + sim_latency(w, SIM_STORE, watch->host),
                           .bytes = (uint8_t *)take_text,
                           .len = take_text ? strlen(take_text) : 0 };
    if (e.at < watch->arrives)
        e.at = watch->arrives;
    watch->arrives = e.at;
    sim_schedule(w, e);
    watch->is_used = e.len > 0;
}

static char *line_of(json_t *take_answer)
{
    char *text, *line;
    text = json_dumps(take_answer, JSON_COMPACT);
    json_decref(take_answer);
    if (!text || asprintf(&line, "%s\n", text) < 0)
        abort();
    free(text);
    return line;
}

/* Events may be lost, or come twice: etcd had bugs of both kinds ([S52] of the replication design). */
static void tell_watch(struct world *w, struct sim_watch *watch)
{
    struct sim_store *s = w->store;
    if (w->cut[SIM_STORE][watch->host]) {
        stream_to(w, watch, NULL);
        return;
    }
    json_t *line = fake_watch_line(&s->etcd, watch->next);
    if (!line)
        return;
    if (sim_pick(w, 1000) < s->loses) {
        json_decref(line);
        w->counts[SIM_WATCH_LOSSES]++;
    } else {
        stream_to(w, watch, line_of(line));
    }
    if (sim_pick(w, 1000) >= s->repeats)
        watch->next = s->etcd.revision + 1;
}

static void tell_watches(struct world *w)
{
    for (int i = 0; i < SIM_WATCHES; i++)
        if (w->store->watches[i].is_used)
            tell_watch(w, &w->store->watches[i]);
}

static void begin_watch(struct world *w, const struct sim_call *c)
{
    struct sim_store *s = w->store;
    struct sim_watch *free_one = NULL;
    json_t *q = json_loadb(c->q.body, c->q.len, 0, NULL);
    int64_t from = etcd_number(json_object_get(q, "create_request"), "start_revision");
    json_decref(q);
    for (int i = 0; i < SIM_WATCHES; i++) {
        struct sim_watch *old = &s->watches[i];
        if (old->is_used && old->host == c->host)
            old->is_used = false; /* a node has one watch at a time */
        free_one = old->is_used ? free_one : old;
    }
    *free_one = (struct sim_watch){ .host = c->host, .life = c->life, .serial = c->serial, .next = from, .is_used = true };
    if (from > s->etcd.compacted) {
        tell_watch(w, free_one);
        return;
    }
    w->counts[SIM_COMPACTED]++;
    stream_to(w, free_one, line_of(json_pack("{s:{s:b, s:o}}", "result", "canceled", 1, "compact_revision",
                                             json_sprintf("%lld", (long long)s->etcd.compacted))));
    stream_to(w, free_one, NULL);
}

/* ---- requests ---- */

static bool is_write(const struct sim_call *c)
{
    return !strcmp(c->q.method, "PUT") || strstr(c->q.url, "/v3/kv/txn");
}

static void answer_json(struct sim_call *c, uint16_t status, json_t *take_answer)
{
    c->body = json_dumps(take_answer, JSON_COMPACT);
    json_decref(take_answer);
    c->answer = (struct azure_answer){ .outcome = HTTP_ANSWERED, .status = status, .body = c->body,
                                       .len = strlen(c->body) };
}

static void serve_etcd(struct world *w, struct sim_call *c)
{
    struct fake_etcd *m = &w->store->etcd;
    json_t *q = json_loadb(c->q.body, c->q.len, 0, NULL);
    m->asker = c->host + 1;
    if (w->now < w->store->throttled_until)
        answer_json(c, 429, fake_error("etcdserver: mvcc: database space exceeded", 8));
    else if (is_write(c))
        answer_json(c, 200, fake_txn(m, q));
    else
        answer_json(c, 200, json_pack("{s:o, s:o}", "header", fake_heading(m), "kvs", fake_range(m, q)));
    json_decref(q);
}

static void serve_arm(struct world *w, struct sim_call *c)
{
    struct fake_reply r;
    fake_arm_take(&w->store->arm, &c->q, w->now, &r);
    c->answer = r.answer;
    c->body = r.body;
    memcpy(c->operation, r.operation, sizeof c->operation);
    if (r.answer.operation)
        c->answer.operation = c->operation;
    if (w->store->arm.complaint[0])
        sim_fail(w, "F1, I5: %s", w->store->arm.complaint);
    w->counts[SIM_PRECONDITIONS] += c->answer.status == 412;
    w->counts[SIM_THROTTLED] += c->answer.status == 429;
}

static void carry_out(struct world *w, struct sim_call *c)
{
    struct sim_store *s = w->store;
    struct repl_fence_record before = s->fence;
    struct sim_table table = s->table;
    unsigned writes = s->etcd.writes + s->arm.writes;
    if (s->kind == SIM_ETCD)
        serve_etcd(w, c);
    else
        serve_arm(w, c);
    if (!is_write(c))
        return;
    if (s->etcd.writes + s->arm.writes == writes) {
        w->counts[SIM_WRITES_REFUSED]++;
        return;
    }
    store_read(w, &s->table, &s->fence);
    for (int i = 0; i < w->prefix_count; i++)
        check_note_hops(w, &table, &s->table, i);
    check_carried_out(w, c, &before, &s->fence);
    tell_watches(w);
}

static void reply(struct world *w, struct sim_call *c)
{
    bool lost = c->answer.outcome == HTTP_TIMED_OUT || w->cut[SIM_STORE][c->host] ||
                sim_pick(w, 1000) < w->store->loses;
    if (lost) { /* the time-out is on its way already */
        w->counts[SIM_LOST_REPLIES]++;
        free(c->body);
        azure_request_fini(&c->q);
        free(c);
        return;
    }
    sim_schedule(w, (struct sim_event){ .kind = SIM_ANSWER,
                                        .who = c->host,
                                        .call = c,
                                        .at = w->now + sim_latency(w, SIM_STORE, c->host) });
}

void store_take(struct world *w, struct sim_call *take_call)
{
    if (take_call->is_stream) {
        begin_watch(w, take_call);
        azure_request_fini(&take_call->q);
        free(take_call);
        return;
    }
    carry_out(w, take_call);
    reply(w, take_call);
}

/* ---- leases: there must be none ---- */

static void expire(struct world *w, struct fake_key *k)
{
    struct ip_prefix route;
    char name[ETCD_KEY_MAX];
    memcpy(name, k->name, sizeof name);
    w->store->etcd.revision++;
    fake_drop(&w->store->etcd, name);
    if (etcd_key_of(PREFIX, name, strlen(name), &route) == ETCD_ROUTE)
        sim_fail(w, "I1: a lease ended and took %s with it", name);
}

void store_tick(struct world *w)
{
    struct sim_store *s = w->store;
    for (int i = 0; i < w->host_count; i++)
        if (host_runs(w, &w->hosts[i]) && !w->cut[i][SIM_STORE])
            s->leased_until[i] = w->now + LEASE_MS;
    for (size_t i = 0; i < s->etcd.count; i++)
        if (s->etcd.keys[i].lease && w->now > s->leased_until[s->etcd.keys[i].lease - 1]) {
            expire(w, &s->etcd.keys[i]);
            break;
        }
}

/* ---- what goes wrong ---- */

static void go_down(struct world *w)
{
    w->store->down_until = w->now + 500 + sim_pick(w, MOST_DOWN_MS);
    w->counts[SIM_STORE_DOWN]++;
    sim_note(w, "the store refuses connections");
}

static void slow_down(struct world *w)
{
    w->store->slow_until = w->now + 1000 + sim_pick(w, 4000);
    w->counts[SIM_STORE_SLOW]++;
    sim_note(w, "the store is slow");
}

static void turn_away(struct world *w)
{
    w->store->throttled_until = w->now + 1000 + sim_pick(w, 4000);
    w->counts[SIM_THROTTLED] += w->store->kind == SIM_ETCD;
    if (w->store->kind == SIM_ARM && w->store->arm.next_count < 4)
        w->store->arm.next[w->store->arm.next_count++] = FAKE_429;
    sim_note(w, "the store turns writes away");
}

static void cut_off(struct world *w)
{
    int a = (int)sim_pick(w, (uint32_t)w->host_count);
    bool both = sim_pick(w, 2);
    w->cut[a][SIM_STORE] = true;
    w->cut[SIM_STORE][a] = both;
    w->counts[SIM_STORE_CUTS]++;
    sim_note(w, "node %d and the store are apart%s", a, both ? "" : ", one way");
}

static void compact(struct world *w)
{
    fake_compact(&w->store->etcd);
    for (int i = 0; i < SIM_WATCHES; i++)
        if (w->store->watches[i].is_used && sim_pick(w, 2))
            stream_to(w, &w->store->watches[i], NULL);
    sim_note(w, "the store forgets its history, and ends watches");
}

/* Somebody else has the right to write there too, and no idea of our fence. */
static void edit(struct world *w)
{
    struct fake_arm *a = &w->store->arm;
    json_t *routes = json_object_get(json_object_get(a->document, "properties"), "routes");
    unsigned number = sim_pick(w, FOREIGN_ROUTES);
    size_t i;
    json_t *route;
    char name[32];
    snprintf(name, sizeof name, "theirs-%u", number);
    w->counts[SIM_FOREIGN]++;
    json_array_foreach(routes, i, route)
        if (!strcmp(json_string_value(json_object_get(route, "name")), name)) {
            json_array_remove(routes, i);
            fake_accept_foreign(a);
            sim_note(w, "somebody removes %s from the table", name);
            return;
        }
    json_array_append_new(routes, json_pack("{s:s, s:{s:o, s:s}}", "name", name, "properties", "addressPrefix",
                                            json_sprintf("192.168.%u.0/24", number), "nextHopType", "Internet"));
    fake_accept_foreign(a);
    sim_note(w, "somebody adds %s to the table", name);
}

/* Whoever remembers its epoch, or hears of it, begins above it (F7). */
static void lose_fence(struct world *w)
{
    struct sim_store *s = w->store;
    if (!s->epoch)
        return;
    if (s->kind == SIM_ETCD) {
        s->etcd.revision++;
        fake_drop(&s->etcd, PREFIX "fence");
        tell_watches(w);
    } else {
        json_object_del(json_object_get(s->arm.document, "tags"), "tandem-fence");
        s->arm.epoch = 0;
        s->arm.has_lost_fence = true;
        fake_new_etag(&s->arm);
    }
    s->fence = (struct repl_fence_record){ 0 };
    s->has_lost_fence = true;
    w->counts[SIM_FENCE_LOST]++;
    sim_note(w, "the fence's record is lost");
}

void store_join(struct world *w)
{
    struct sim_store *s = w->store;
    if (!s)
        return;
    s->down_until = s->slow_until = s->throttled_until = 0;
    for (int i = 0; i < w->host_count; i++)
        w->cut[i][SIM_STORE] = w->cut[SIM_STORE][i] = false;
}

void store_disturb(struct world *w)
{
    static void (*const on_etcd[])(struct world *) = { go_down, slow_down, turn_away, cut_off, cut_off,
                                                       compact, compact,   store_join,  store_join };
    static void (*const on_arm[])(struct world *) = { go_down, slow_down, turn_away, cut_off, cut_off,
                                                      edit,    edit,      store_join,  store_join };
    if (!w->store)
        return;
    w->store->faults++;
    w->store->disturbed = w->now;
    uint32_t dice = sim_pick(w, 9);
    if (sim_pick(w, 12) == 0)
        lose_fence(w);
    else
        (w->store->kind == SIM_ETCD ? on_etcd : on_arm)[dice](w);
}

void store_heal(struct world *w)
{
    if (!w->store)
        return;
    store_join(w);
    w->store->arm.chance = w->store->loses = w->store->repeats = 0;
    w->store->arm.next_count = 0;
}
