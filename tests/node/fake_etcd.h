/* A store in memory that speaks etcd's JSON gateway: keys with revisions, ranges, transactions that compare
 * keys, a history for watches, compaction. It knows no network: who asks, and what is lost, is the
 * caller's. Source: etcd 3.4 api/rpc.proto. */
#ifndef TANDEM_TESTS_FAKE_ETCD_H
#define TANDEM_TESTS_FAKE_ETCD_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/targets/etcd_wire.h"

enum { FAKE_ETCD_VALUE = 400 };

struct fake_key {
    char name[ETCD_KEY_MAX], value[FAKE_ETCD_VALUE];
    int64_t revision;
    int lease; /* of whom; 0 = none, as it must be */
};

struct fake_change { /* of the history */
    struct fake_key key; /* as it was put, or deleted at that revision */
    bool is_deletion;
};

struct fake_etcd {
    struct fake_key *keys;
    size_t count, cap;
    struct fake_change *history; /* NULL: nobody watches */
    size_t change_count, change_cap;
    bool keeps_history;
    int asker; /* whose transaction it is, for leases */
    int64_t revision, compacted;
    uint32_t transactions, writes, deletes, most_ops, failed_compares;
    bool deleted_before_put, gen_not_last;
};

static inline void fake_etcd_fini(struct fake_etcd *m)
{
    free(m->keys);
    free(m->history);
    m->keys = NULL;
    m->history = NULL;
    m->count = m->cap = m->change_count = m->change_cap = 0;
}

static inline struct fake_key *fake_find(struct fake_etcd *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++)
        if (!strcmp(m->keys[i].name, name))
            return &m->keys[i];
    return NULL;
}

static inline void fake_remember(struct fake_etcd *m, const struct fake_key *k, bool is_deletion)
{
    if (!m->keeps_history)
        return;
    if (m->change_count == m->change_cap) {
        m->change_cap = m->change_cap ? m->change_cap * 2 : 64;
        m->history = realloc(m->history, m->change_cap * sizeof *m->history);
        assert(m->history);
    }
    struct fake_change *c = &m->history[m->change_count++];
    *c = (struct fake_change){ .key = *k, .is_deletion = is_deletion };
    c->key.revision = m->revision;
}

/* At the revision that the store has now. */
static inline struct fake_key *fake_put_key(struct fake_etcd *m, const char *name, const char *value)
{
    struct fake_key *k = fake_find(m, name);
    if (!k) {
        if (m->count == m->cap) {
            m->cap = m->cap ? m->cap * 2 : 64;
            m->keys = realloc(m->keys, m->cap * sizeof *m->keys);
            assert(m->keys);
        }
        k = &m->keys[m->count++];
        *k = (struct fake_key){ 0 };
        snprintf(k->name, sizeof k->name, "%s", name);
    }
    snprintf(k->value, sizeof k->value, "%s", value);
    k->revision = m->revision;
    k->lease = 0;
    fake_remember(m, k, false);
    return k;
}

static inline void fake_drop(struct fake_etcd *m, const char *name)
{
    struct fake_key *k = fake_find(m, name);
    if (!k)
        return;
    fake_remember(m, k, true);
    *k = m->keys[--m->count];
}

/* What a watch that begins behind it has lost. */
static inline void fake_compact(struct fake_etcd *m)
{
    m->compacted = m->revision;
    m->change_count = 0;
}

/* ---- the gateway's JSON ---- */

static inline json_t *fake_encoded(const char *text)
{
    json_t *op = etcd_op_delete(text); /* the product's base64, by the shortest way */
    json_t *key = json_incref(json_object_get(json_object_get(op, "request_delete_range"), "key"));
    json_decref(op);
    return key;
}

static inline json_t *fake_pair(const struct fake_key *k)
{
    return json_pack("{s:o, s:o, s:o}", "key", fake_encoded(k->name), "value", fake_encoded(k->value),
                     "mod_revision", json_sprintf("%lld", (long long)k->revision));
}

/* A member in base64, as text. */
static inline void fake_decoded(const json_t *object, const char *name, char *out, size_t cap)
{
    struct etcd_pair p;
    json_t *kv = json_pack("{s:O}", "key", json_object_get(object, name));
    bool ok = etcd_pair_read(kv, &p);
    assert(ok);
    (void)ok;
    snprintf(out, cap, "%s", p.key);
    etcd_pair_free(&p);
    json_decref(kv);
}

static inline int fake_by_name(const void *a, const void *b)
{
    return strcmp(((const struct fake_key *)a)->name, ((const struct fake_key *)b)->name);
}

static inline json_t *fake_heading(const struct fake_etcd *m)
{
    return json_pack("{s:o}", "revision", json_sprintf("%lld", (long long)m->revision));
}

static inline json_t *fake_range(struct fake_etcd *m, const json_t *q)
{
    char from[ETCD_KEY_MAX], to[ETCD_KEY_MAX + 1];
    json_t *kvs = json_array();
    fake_decoded(q, "key", from, sizeof from);
    snprintf(to, sizeof to, "%s!", from); /* the key alone, unless there is an end */
    if (json_object_get(q, "range_end"))
        fake_decoded(q, "range_end", to, sizeof to);
    if (m->count)
        qsort(m->keys, m->count, sizeof *m->keys, fake_by_name);
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->keys[i].name, from) >= 0 && strcmp(m->keys[i].name, to) < 0)
            json_array_append_new(kvs, fake_pair(&m->keys[i]));
    return kvs;
}

static inline void fake_carry_out(struct fake_etcd *m, const json_t *ops)
{
    size_t i;
    const json_t *op;
    bool has_deleted = false;
    char name[ETCD_KEY_MAX], value[FAKE_ETCD_VALUE];
    m->revision++;
    m->writes++;
    if (json_array_size(ops) > m->most_ops)
        m->most_ops = (uint32_t)json_array_size(ops);
    json_array_foreach(ops, i, op)
    {
        const json_t *p = json_object_get(op, "request_put");
        const json_t *d = json_object_get(op, "request_delete_range");
        fake_decoded(p ? p : d, "key", name, sizeof name);
        bool is_gen = strstr(name, "/gen") != NULL;
        m->gen_not_last |= is_gen && i + 1 != json_array_size(ops);
        if (p) {
            fake_decoded(p, "value", value, sizeof value);
            fake_put_key(m, name, value)->lease = json_object_get(p, "lease") ? m->asker : 0;
            m->deleted_before_put |= has_deleted && !is_gen;
        } else {
            fake_drop(m, name);
            m->deletes++;
            has_deleted = true;
        }
    }
}

/* Do the comparisons hold? The first is always of the fence's key. */
static inline bool fake_compares(struct fake_etcd *m, const json_t *q)
{
    size_t i;
    char name[ETCD_KEY_MAX];
    const json_t *compare, *compares = json_object_get(q, "compare");
    bool holds = json_array_size(compares) >= 1 && json_array_size(compares) <= ETCD_OPS_MAX;
    json_array_foreach(compares, i, compare)
    {
        fake_decoded(compare, "key", name, sizeof name);
        assert(i || strstr(name, "/fence"));
        const struct fake_key *k = fake_find(m, name);
        holds &= etcd_number(compare, "mod_revision") == (k ? k->revision : 0);
    }
    return holds;
}

static inline json_t *fake_txn(struct fake_etcd *m, const json_t *q)
{
    m->transactions++;
    if (fake_compares(m, q)) {
        fake_carry_out(m, json_object_get(q, "success"));
        return json_pack("{s:o, s:b}", "header", fake_heading(m), "succeeded", 1);
    }
    m->failed_compares++;
    const json_t *ask =
        json_object_get(json_array_get(json_object_get(q, "failure"), 0), "request_range");
    return json_pack("{s:o, s:[{s:{s:o}}]}", "header", fake_heading(m), "responses", "response_range",
                     "kvs", fake_range(m, ask));
}

static inline json_t *fake_error(const char *text, int code)
{
    return json_pack("{s:s, s:i}", "error", text, "code", code);
}

/* The changes from a revision on, as one line of a watch; NULL: there are none. */
static inline json_t *fake_watch_line(const struct fake_etcd *m, int64_t from)
{
    json_t *events = json_array();
    for (size_t i = 0; i < m->change_count; i++) {
        const struct fake_change *c = &m->history[i];
        if (c->key.revision < from)
            continue;
        json_t *kv = c->is_deletion ? json_pack("{s:o, s:o}", "key", fake_encoded(c->key.name),
                                                "mod_revision",
                                                json_sprintf("%lld", (long long)c->key.revision))
                                    : fake_pair(&c->key);
        json_array_append_new(events, json_pack("{s:s, s:o}", "type", c->is_deletion ? "DELETE" : "PUT",
                                                "kv", kv));
    }
    if (!json_array_size(events)) {
        json_decref(events);
        return NULL;
    }
    return json_pack("{s:{s:o, s:o}}", "result", "header", fake_heading(m), "events", events);
}

#endif
