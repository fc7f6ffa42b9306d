/* Transactions: the fence's steps, and batches of routes. Each compares the fence's revision, and that of every route that
 * it deletes: events of a watch may be lost (etcd had such bugs), and what stands there may be another NVA's by now. One
 * without an answer may be carried out late: the next one writes the fence anew, so that its comparison fails. */
#include <stdlib.h>
#include <string.h>

#include "node/targets/etcd_internal.h"

/* ---- the fence ---- */

/* The fence's key in an array of pairs, told as of the answer's revision. */
static void tell_pairs(struct etcd *e, const json_t *kvs, int64_t as_of, bool refused)
{
    size_t i;
    const json_t *kv;
    struct etcd_pair pair, fence;
    struct ip_prefix unused;
    bool has_fence = false;
    json_array_foreach(kvs, i, kv)
    {
        if (!etcd_pair_read(kv, &pair))
            continue;
        enum etcd_key key = etcd_key_of(e->prefix, pair.key, pair.key_len, &unused);
        if (key == ETCD_BEAT)
            etcd_tell_beat(e, &pair);
        if (key == ETCD_FENCE && !has_fence) {
            fence = pair;
            has_fence = true;
        } else {
            etcd_pair_free(&pair);
        }
    }
    etcd_tell_fence(e, has_fence ? &fence : NULL, as_of, refused);
    if (has_fence)
        etcd_pair_free(&fence);
}

static void on_fence_read(struct etcd *e, const struct etcd_answer *a)
{
    if (a->fault == ETCD_FINE)
        tell_pairs(e, json_object_get(a->body, "kvs"), etcd_revision(a->body), false);
}

/* "beat" stands before "fence": one range has both. */
void etcd_fence_read(struct etcd *e)
{
    char end[ETCD_KEY_MAX + 1];
    snprintf(end, sizeof end, "%s!", e->fence_key);
    etcd_call(e, ETCD_READS, "/v3/kv/range",
              etcd_request_range(e->beat_key, strlen(e->beat_key), end, 0, 0), on_fence_read);
}

/* Was everything done? If not, the answer tells whose fence stands there. */
static bool was_done(struct etcd *e, const struct etcd_answer *a)
{
    e->status.transactions++;
    if (json_is_true(json_object_get(a->body, "succeeded")))
        return true;
    const json_t *first = json_array_get(json_object_get(a->body, "responses"), 0);
    const json_t *range = json_object_get(first, "response_range");
    e->status.refused++;
    tell_pairs(e, json_object_get(range, "kvs"), etcd_revision(a->body), true);
    return false;
}

static json_t *with(json_t *ops, json_t *op)
{
    if (ops && op && !json_array_append_new(ops, op))
        return ops;
    json_decref(ops);
    return NULL;
}

/* As long as the fence is the one we know. */
static json_t *by_fence(struct etcd *e)
{
    return with(json_array(), etcd_compare(e->fence_key, e->fence_revision));
}

static bool call_txn(struct etcd *e, json_t *compares, json_t *ops, etcd_then *then)
{
    return etcd_call(e, ETCD_WRITES, "/v3/kv/txn", etcd_request_txn(e->fence_key, compares, ops), then);
}

static void on_taken(struct etcd *e, const struct etcd_answer *a)
{
    if (a->fault != ETCD_FINE || !was_done(e, a))
        return;
    e->fence_revision = e->fence_told = etcd_revision(a->body);
    e->is_pending = false;
    repl_fence_took(e->cfg.fence, e->taking_epoch, e->cfg.now());
}

void etcd_fence_take(struct etcd *e)
{
    const struct repl_fence *f = e->cfg.fence;
    struct repl_fence_record own = { .epoch = repl_fence_next_epoch(f),
                                     .owner = f->cfg.self,
                                     .incarnation = f->incarnation };
    e->taking_epoch = own.epoch;
    json_t *ops =
        with(json_array(), etcd_op_put(e->fence_key, etcd_value_fence(&own, e->cfg.node)));
    ops = with(ops, etcd_op_put(e->beat_key, etcd_value_beat(own.epoch, 0)));
    call_txn(e, by_fence(e), ops, on_taken);
}

static void on_beat(struct etcd *e, const struct etcd_answer *a)
{
    if (a->fault == ETCD_FINE)
        was_done(e, a);
}

void etcd_fence_beat(struct etcd *e)
{
    json_t *value = etcd_value_beat(e->cfg.fence->epoch, ++e->beat_count);
    json_t *ops = with(json_array(), etcd_op_put(e->beat_key, value));
    call_txn(e, by_fence(e), ops, on_beat);
}

/* ---- routes ---- */

static void key_of(const struct etcd *e, const struct program_op *op, char key[static ETCD_KEY_MAX])
{
    struct ip_prefix route;
    prefix_table_prefix(e->cfg.prefixes, op->prefix, &route);
    etcd_key_route(e->prefix, &route, key);
}

static json_t *op_of(struct etcd *e, const struct program_op *op)
{
    char key[ETCD_KEY_MAX];
    key_of(e, op, key);
    if (op->kind == PROGRAM_DELETE)
        return etcd_op_delete(key);
    return etcd_op_put(key, etcd_value_route(nhset_get(e->cfg.sets, op->nhset),
                                             e->cfg.source_of(e->cfg.data, op->prefix), e->cfg.node,
                                             e->cfg.fence->epoch));
}

/* `gen` as it will be when all of the batch has been done. */
static void foresee_gen(struct etcd *e)
{
    struct repl_digest before = e->digest;
    uint64_t count = e->count;
    for (size_t i = 0; i < e->op_count; i++)
        etcd_stands(e, e->ops[i].prefix, program_actual_set(e->cfg.program, e->ops[i].prefix),
                    e->ops[i].nhset);
    e->next_gen = (struct etcd_gen){ .epoch = e->cfg.fence->epoch,
                                     .version = e->gen.version + 1,
                                     .count = e->count };
    repl_digest_write(&e->digest, e->next_gen.digest);
    e->digest = before;
    e->count = count;
}

/* Additions come first, deletions last: the program issues them so. Room stays for `gen`, and for the fence. */
static void collect(struct etcd *e, uint64_t now_ms)
{
    const size_t most = ETCD_OPS_MAX - 1 - e->is_pending;
    e->op_count = 0;
    while (e->op_count < most && program_next(e->cfg.program, now_ms, &e->ops[e->op_count]))
        e->op_count++;
    bool is_old = e->gen_is_due || e->gen.epoch != e->cfg.fence->epoch;
    e->sends_gen = e->op_count < most && (e->op_count || is_old);
}

static void give_back(struct etcd *e)
{
    for (size_t i = 0; i < e->op_count; i++) {
        uint32_t prefix = e->ops[i].prefix;
        program_abandon(e->cfg.program, &e->ops[i], e->cfg.now());
        etcd_release(e, prefix);
    }
    e->op_count = 0;
    e->gen_is_due = true;
}

static void settle(struct etcd *e, int64_t revision)
{
    for (size_t i = 0; i < e->op_count; i++) {
        const struct program_op *op = &e->ops[i];
        uint32_t prefix = op->prefix;
        etcd_stands(e, prefix, program_actual_set(e->cfg.program, prefix), op->nhset);
        etcd_note(e, prefix)->revision = revision;
        program_result(e->cfg.program, op, true, e->cfg.now());
        etcd_release(e, prefix);
    }
    if (e->is_pending)
        e->fence_revision = e->fence_told = revision;
    e->is_pending = false;
    e->gen_is_due = !e->sends_gen;
    e->op_count = 0;
    if (e->sends_gen) {
        e->gen = e->next_gen;
        e->gen_revision = revision;
    }
}

/* The fence is ours still: what was to go is not what we have seen. */
static void doubt(struct etcd *e)
{
    for (size_t i = 0; i < e->op_count; i++)
        if (e->ops[i].kind == PROGRAM_DELETE)
            etcd_note(e, e->ops[i].prefix)->revision = 0;
    etcd_list_soon(e);
}

static void on_written(struct etcd *e, const struct etcd_answer *a)
{
    if (a->fault == ETCD_FINE && was_done(e, a)) {
        settle(e, etcd_revision(a->body));
        return;
    }
    if (a->fault == ETCD_FINE && repl_fence_may_write(e->cfg.fence))
        doubt(e);
    e->is_pending |= a->fault != ETCD_FINE;
    give_back(e);
}

/* A route goes only as it was seen. */
static json_t *compares_of(struct etcd *e)
{
    char key[ETCD_KEY_MAX];
    json_t *compares = by_fence(e);
    for (size_t i = 0; i < e->op_count; i++) {
        if (e->ops[i].kind != PROGRAM_DELETE)
            continue;
        key_of(e, &e->ops[i], key);
        compares = with(compares, etcd_compare(key, etcd_note(e, e->ops[i].prefix)->revision));
    }
    return compares;
}

bool etcd_write(struct etcd *e)
{
    collect(e, e->cfg.now());
    if (!e->op_count && !e->sends_gen)
        return false;
    json_t *ops = json_array();
    if (e->is_pending)
        ops = with(ops, etcd_op_put(e->fence_key, etcd_value_fence(&e->cfg.fence->record, e->cfg.node)));
    for (size_t i = 0; i < e->op_count; i++)
        ops = with(ops, op_of(e, &e->ops[i]));
    if (e->sends_gen) {
        foresee_gen(e);
        ops = with(ops, etcd_op_put(e->gen_key, etcd_value_gen(&e->next_gen)));
    }
    if (!call_txn(e, compares_of(e), ops, on_written))
        give_back(e);
    return true;
}
