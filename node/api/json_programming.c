/* /v1/programming and /v1/programming/TARGET: wanted against installed, and who follows; /diff: prefix by prefix. */
#include <string.h>

#include "node/api/page.h"
#include "node/api/sight.h"

static void add_counts(json_t *o, const struct program_stats *s)
{
    json_object_set_new(o, "wanted", json_count(s->wanted));
    json_object_set_new(o, "installed", json_count(s->installed));
    json_object_set_new(o, "pending", json_count(s->pending));
    json_object_set_new(o, "failed", json_count(s->failed));
    json_object_set_new(o, "heldByBrake", json_count(s->held_by_brake));
    json_object_set_new(o, "inherited", json_count(s->inherited));
    json_object_set_new(o, "puts", json_count(s->puts));
    json_object_set_new(o, "deletes", json_count(s->deletes));
    json_object_set_new(o, "errors", json_count(s->errors));
    json_object_set_new(o, "brake", json_boolean(s->brake_on));
    json_object_set_new(o, "merging", json_boolean(s->merging));
}

/* Who reads from etcd follows no node: there is nothing that it could be told by us. */
static void add_source(json_t *o, const struct core_agent_view *a)
{
    if (a->report.store[0]) {
        json_object_set_new(o, "store", json_text(a->report.store));
        return;
    }
    json_object_set_new(o, "synced", json_boolean(a->synced));
    if (a->has_report)
        json_object_set_new(o, "active", json_boolean(a->connected && a->report.active));
}

static json_t *agent_object(const struct api_view *v, const struct core_agent_view *a)
{
    json_t *o = json_object();
    json_object_set_new(o, "name", json_text(a->name));
    json_object_set_new(o, "keyId", json_hex(a->key_id, sizeof a->key_id));
    json_object_set_new(o, "keyInUse", sight_use(a->key_use, "publicKey", "nextPublicKey"));
    json_object_set_new(o, "secretInUse", sight_use(a->secret_use, "secretFile", "nextSecretFile"));
    json_object_set_new(o, "connected", json_boolean(a->connected));
    if (a->since_ms) {
        json_set_time(o, "since", v, a->since_ms);
        json_set_age(o, a->connected ? "uptimeSeconds" : "goneSeconds", v, a->since_ms);
    }
    add_source(o, a);
    if (!a->has_report)
        return o;
    json_object_set_new(o, "wanted", json_count(a->report.wanted));
    json_object_set_new(o, "installed", json_count(a->report.installed));
    json_object_set_new(o, "pending", json_count(a->report.pending));
    json_object_set_new(o, "failed", json_count(a->report.failed));
    json_object_set_new(o, "heldByBrake", json_count(a->report.held));
    json_object_set_new(o, "unhealthy", json_count(a->report.unhealthy));
    json_object_set_new(o, "lastError",
                        a->report.last_error[0] ? json_text(a->report.last_error) : json_null());
    return o;
}

static bool is_same_store(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b);
    m -= m && a[m - 1] == '/';
    n -= n && b[n - 1] == '/';
    return m == n && !memcmp(a, b, m);
}

static bool is_store_of(const struct config_target *t, const struct core_agent_view *a)
{
    return t->type == CONFIG_TARGET_ETCD && is_same_store(a->report.store, t->etcd.prefix);
}

/* The target whose table a host has: that of the store that it reads, else the one that agents are served. */
static bool has_table_of(const struct api_view *v, const struct core_agent_view *a, const struct config_target *t)
{
    bool is_reader = false;
    for (size_t i = 0; i < v->config->target_count; i++)
        is_reader |= is_store_of(v->config->targets[i], a);
    return is_reader ? is_store_of(t, a) : t->type == CONFIG_TARGET_TABLE;
}

static void add_agents(json_t *o, const struct api_view *v, const struct config_target *t)
{
    json_t *list = json_array();
    json_int_t connected = 0;
    for (size_t i = 0; i < core_agent_count(v->core); i++) {
        struct core_agent_view a;
        core_agent_view(v->core, i, &a);
        if (!has_table_of(v, &a, t))
            continue;
        json_array_append_new(list, agent_object(v, &a));
        connected += a.connected;
    }
    if (json_array_size(list) || t->type == CONFIG_TARGET_TABLE) {
        json_object_set_new(o, "connected", json_integer(connected));
        json_object_set(o, "agents", list);
    }
    json_decref(list);
}

static void add_fence(json_t *o, const struct api_view *v, const struct core_target_view *t)
{
    const struct repl_fence *f = t->fence;
    json_object_set_new(o, "role", json_text(repl_fence_role_name(f->role)));
    json_set_time(o, "roleSince", v, f->since_ms);
    json_object_set_new(o, "owner", json_text(t->owner));
    json_object_set_new(o, "epoch", json_count(f->record.epoch));
    json_object_set_new(o, "reachable", json_boolean(f->is_readable));
    json_object_set_new(o, "takeovers", json_count(f->takeovers));
    json_object_set_new(o, "fenced", json_count(f->losses));
}

static void add_state(json_t *o, const struct api_view *v, const struct core_target_view *t)
{
    json_object_set_new(o, "state", json_text(t->state));
    json_object_set_new(o, "lastError", t->trouble[0] ? json_text(t->trouble) : json_null());
    if (t->trouble[0])
        json_set_time(o, "lastErrorSince", v, t->trouble_since_ms);
}

static json_t *unhealthy_list(const struct api_view *v, const struct core_target_view *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->unhealthy_count; i++) {
        json_t *o = json_object();
        json_object_set_new(o, "nextHop", json_addr(&t->unhealthy[i].hop));
        json_object_set_new(o, "reason", json_text(t->unhealthy[i].reason));
        json_set_time(o, "since", v, t->unhealthy[i].since_ms);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *target_object(const struct api_view *v, const struct core_target_view *t)
{
    static const char *const types[] = { [CONFIG_TARGET_NETLINK] = "netlink",
                                         [CONFIG_TARGET_TABLE] = "table",
                                         [CONFIG_TARGET_ETCD] = "etcd",
                                         [CONFIG_TARGET_AZURE] = "azureRouteTable" };
    json_t *o = json_pack("{s:s, s:s, s:b}", "name", t->target->name, "type",
                          types[t->target->type], "runsHere", t->runs_here);
    if (t->state)
        add_state(o, v, t);
    if (t->stats)
        add_counts(o, t->stats);
    if (t->fence)
        add_fence(o, v, t);
    if (t->target->type == CONFIG_TARGET_NETLINK)
        json_object_set_new(o, "table", json_count(t->target->table));
    if (t->target->gate.is_on)
        json_object_set_new(o, "unhealthyNextHops", unhealthy_list(v, t));
    if (t->target->type == CONFIG_TARGET_ETCD)
        json_object_set_new(o, "prefix", json_text(t->target->etcd.prefix));
    for (size_t i = 0; i < t->fact_count; i++)
        json_object_set_new(o, t->facts[i].name, json_count(t->facts[i].value));
    if (t->target->type == CONFIG_TARGET_AZURE)
        json_object_set_new(o, "resourceId", json_text(t->target->azure.resource_id));
    if (t->target->type == CONFIG_TARGET_TABLE)
        json_object_set_new(o, "wanted", json_count(t->routes));
    add_agents(o, v, t->target);
    return o;
}

void api_programming(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    json_t *items = json_array();
    (void)q;
    for (size_t i = 0; i < core_target_count(v->core); i++) {
        struct core_target_view t;
        core_target_view(v->core, i, &t);
        json_array_append_new(items, target_object(v, &t));
    }
    reply_list(out, items, NULL, v->config->generation);
}

/* Routes that the target does not take, and why: as many as fit a page, of as many prefixes as one answer looks at. */
static void add_rejected(json_t *o, const struct api_view *v, size_t nth)
{
    enum { ITEMS_MAX = 1000, LOOKS_MAX = 20000 };
    const struct rib *r = core_rib(v->core);
    struct walk w = { .rib = r, .match = WALK_ALL };
    unsigned looks = LOOKS_MAX;
    json_t *list = json_array();
    for (uint32_t net; json_array_size(list) < ITEMS_MAX && (net = walk_next(&w, &looks));) {
        enum vnet_verdict verdict = core_target_verdict(v->core, nth, net);
        struct ip_prefix prefix;
        if (verdict == VNET_PROGRAMMED || !rib_net_nhset(r, net))
            continue;
        prefix_table_prefix(&r->nets, net, &prefix);
        json_t *one = json_pack("{s:o, s:s, s:s}", "prefix", json_prefix(&prefix), "reason",
                                vnet_verdict_name((uint8_t)verdict), "text", vnet_verdict_text((uint8_t)verdict));
        json_array_append_new(list, one);
    }
    json_object_set_new(o, "rejected", list);
    json_object_set_new(o, "rejectedIsComplete", json_boolean(walk_is_done(&w)));
}

/* The number of the target that the request names; false: *out says that there is none. */
static bool find_target(const struct api_view *v, const struct api_request *q, size_t *nth, struct core_target_view *t,
                        struct api_reply *out)
{
    for (*nth = 0; *nth < core_target_count(v->core); ++*nth) {
        core_target_view(v->core, *nth, t);
        if (!strcmp(t->target->name, q->rest))
            return true;
    }
    reply_problem(out, 404, NULL, "no programming target is named \"%s\"", q->rest);
    return false;
}

void api_programming_one(const struct api_view *v, const struct api_request *q,
                         struct api_reply *out)
{
    struct core_target_view t;
    size_t nth;
    if (!find_target(v, q, &nth, &t, out))
        return;
    json_t *o = target_object(v, &t);
    add_rejected(o, v, nth);
    reply_json(out, o);
}

void api_failover(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    static const char *const refusals[] = {
        [CORE_YIELD_NOT_SHARED] = "target %s is not shared: every node programs its own, and goes on when another one fails",
        [CORE_YIELD_NOT_OURS] = "this node does not write target %s (its owner: %s): ask the owner, there or with tandemctl --node",
        [CORE_YIELD_NO_HEIR] = "no other node could write target %s: connected, reading it, not draining, with this configuration or a newer one",
    };
    struct core_target_view t;
    size_t nth;
    if (!find_target(v, q, &nth, &t, out))
        return;
    enum core_yield result = core_target_yield(v->core, nth, v->now_ms);
    if (result == CORE_YIELDED)
        reply_json(out, json_pack("{s:s, s:I}", "target", q->rest, "yieldedEpoch", (json_int_t)t.fence->record.epoch));
    else
        reply_problem(out, 409, NULL, refusals[result], q->rest, t.owner);
}

/* ---- prefix by prefix ---- */

static const struct {
    const char *name, *text;
} waits[PROGRAM_WAITS] = {
    [PROGRAM_SETTLED] = { "pending", "it was just decided" },
    [PROGRAM_PENDING] = { "pending", "it waits for its turn, or for an answer" },
    [PROGRAM_FAILING] = { "failed", "the target refused it: it is tried again" },
    [PROGRAM_MERGING] = { "merging", "what was there before stays until this node has converged" },
    [PROGRAM_HEARSAY] = { "hearsay", "another node wrote it, and may have known more" },
    [PROGRAM_AWAITING] = { "awaiting", "a node came back a moment ago, and may have it" },
    [PROGRAM_BRAKED] = { "braked", "too much would go at once, or no NVA is heard" },
};

struct comparison {
    size_t nth;           /* of the target */
    const char *standing; /* why nothing is written there at all by this node; NULL: it is */
};

static bool add_difference(const struct api_view *v, const void *context, uint32_t net, struct page_items *to)
{
    const struct comparison *c = context;
    const struct rib *r = core_rib(v->core);
    uint32_t wanted = core_target_wanted(v->core, c->nth, net), installed = core_target_installed(v->core, c->nth, net);
    enum program_wait wait = core_target_waits(v->core, c->nth, net);
    struct ip_prefix prefix;
    if (wanted == installed || !page_wants(to))
        return true;
    prefix_table_prefix(&r->nets, net, &prefix);
    return page_add(to, json_pack("{s:o, s:o, s:o, s:s, s:s}", "prefix", json_prefix(&prefix), "wanted",
                                  json_next_hops(nhset_get(&r->sets, wanted)), "installed",
                                  json_next_hops(nhset_get(&r->sets, installed)), "state",
                                  c->standing ? "elsewhere" : waits[wait].name, "text",
                                  c->standing ? c->standing : waits[wait].text));
}

void api_programming_diff(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    struct core_target_view t;
    struct comparison c = { 0 };
    struct page page;
    if (!find_target(v, q, &c.nth, &t, out) || !page_read(v, q, &page, out))
        return;
    if (!t.stats) {
        reply_problem(out, 409, NULL, "this node does not program target %s itself: there is nothing to compare", q->rest);
        return;
    }
    if (t.fence && t.fence->role != REPL_ACTIVE)
        c.standing = "this node does not write it: see its role and owner";
    page.walk.match = WALK_EVERY;
    page_reply(&page, add_difference, &c, sizeof c, out);
}
