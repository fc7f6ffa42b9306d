#include "node/targets/etcd_wire.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static const char routes[] = "routes/";

static const char *const names[] = {
    [ETCD_FENCE] = "fence", [ETCD_BEAT] = "beat", [ETCD_GEN] = "gen"
};

static enum etcd_key named_key(const char *name)
{
    for (enum etcd_key k = ETCD_FENCE; k <= ETCD_GEN; k++)
        if (!strcmp(name, names[k]))
            return k;
    return ETCD_FOREIGN;
}

enum etcd_key etcd_key_of(const char *prefix, const char *key, size_t len, struct ip_prefix *route)
{
    size_t skip = strlen(prefix);
    char text[IP_PREFIX_TEXT];
    if (len < skip || memcmp(key, prefix, skip) || strlen(key) != len)
        return ETCD_FOREIGN;
    const char *name = key + skip;
    if (strncmp(name, routes, sizeof routes - 1))
        return named_key(name);
    name += sizeof routes - 1;
    if (ip_prefix_parse(name, route) || strcmp(ip_prefix_format(route, text), name))
        return ETCD_FOREIGN;
    return ETCD_ROUTE;
}

void etcd_key_name(const char *prefix, enum etcd_key key, char out[static ETCD_KEY_MAX])
{
    snprintf(out, ETCD_KEY_MAX, "%s%s", prefix, names[key]);
}

void etcd_key_route(const char *prefix, const struct ip_prefix *route,
                    char out[static ETCD_KEY_MAX])
{
    char text[IP_PREFIX_TEXT];
    snprintf(out, ETCD_KEY_MAX, "%s%s%s", prefix, routes, ip_prefix_format(route, text));
}

void etcd_key_end(const char *prefix, char out[static ETCD_KEY_MAX])
{
    size_t len = strlen(prefix);
    snprintf(out, ETCD_KEY_MAX, "%s", prefix);
    out[len - 1]++; /* '/' becomes '0' */
}

/* ---- values ---- */

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

json_t *etcd_value_fence(const struct repl_fence_record *r, const char *node)
{
    return json_pack("{s:o, s:o, s:s, s:o}", "epoch", number(r->epoch), "owner", number(r->owner),
                     "node", node, "incarnation", number(r->incarnation));
}

json_t *etcd_value_beat(uint64_t epoch, uint64_t count)
{
    return json_pack("{s:o, s:o}", "epoch", number(epoch), "count", number(count));
}

json_t *etcd_value_gen(const struct etcd_gen *g)
{
    char hex[2 * REPL_DIGEST + 1];
    sodium_bin2hex(hex, sizeof hex, g->digest, REPL_DIGEST);
    return json_pack("{s:o, s:o, s:o, s:s}", "epoch", number(g->epoch), "version",
                     number(g->version), "count", number(g->count), "digest", hex);
}

json_t *etcd_value_route(const struct nhset *set, const char *from, const char *node,
                         uint64_t epoch)
{
    char text[IP_ADDR_TEXT];
    json_t *hops = json_array();
    for (uint32_t i = 0; hops && i < set->count; i++)
        json_array_append_new(hops, json_string(ip_addr_format(&set->members[i], text)));
    return json_pack("{s:o, s:s, s:s, s:o}", "nextHops", hops, "from", from, "node", node, "epoch",
                     number(epoch));
}

/* A member that must be a whole number above or equal to zero. */
static bool read_number(const json_t *object, const char *name, uint64_t *out)
{
    const json_t *n = json_object_get(object, name);
    if (!json_is_integer(n) || json_integer_value(n) < 0)
        return false;
    *out = (uint64_t)json_integer_value(n);
    return true;
}

static json_t *load(const char *value, size_t len)
{
    return json_loadb(value, len, JSON_REJECT_DUPLICATES, NULL);
}

bool etcd_read_fence(const char *value, size_t len, struct repl_fence_record *out)
{
    uint64_t owner;
    json_t *o = load(value, len);
    bool ok = read_number(o, "epoch", &out->epoch) && read_number(o, "owner", &owner) &&
              read_number(o, "incarnation", &out->incarnation) && out->epoch && owner &&
              owner <= REPL_NODES_MAX;
    if (ok)
        out->owner = (uint32_t)owner;
    json_decref(o);
    return ok;
}

bool etcd_read_beat(const char *value, size_t len, uint64_t *epoch)
{
    json_t *o = load(value, len);
    bool ok = read_number(o, "epoch", epoch);
    json_decref(o);
    return ok;
}

bool etcd_read_gen(const char *value, size_t len, struct etcd_gen *out)
{
    json_t *o = load(value, len);
    const char *hex = json_string_value(json_object_get(o, "digest"));
    size_t size = 0;
    bool ok = read_number(o, "epoch", &out->epoch) && read_number(o, "version", &out->version) &&
              read_number(o, "count", &out->count) && hex &&
              !sodium_hex2bin(out->digest, REPL_DIGEST, hex, strlen(hex), NULL, &size, NULL) &&
              size == REPL_DIGEST;
    json_decref(o);
    return ok;
}

bool etcd_read_route(const char *value, size_t len, struct ip_addr members[static NHSET_MAX],
                     uint32_t *count)
{
    json_t *o = load(value, len);
    const json_t *hops = json_object_get(o, "nextHops");
    size_t total = json_array_size(hops);
    bool ok = total > 0 && total <= NHSET_MAX;
    for (size_t i = 0; ok && i < total; i++) {
        const char *text = json_string_value(json_array_get(hops, i));
        ok = text && !ip_addr_parse(text, &members[i]);
    }
    *count = ok ? (uint32_t)total : 0;
    json_decref(o);
    return ok;
}

/* ---- requests ---- */

static json_t *bytes(const char *data, size_t len)
{
    size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(size);
    if (!text)
        return NULL;
    sodium_bin2base64(text, size, (const uint8_t *)data, len, sodium_base64_VARIANT_ORIGINAL);
    json_t *s = json_string_nocheck(text);
    free(text);
    return s;
}

static json_t *key_bytes(const char *key)
{
    return bytes(key, strlen(key));
}

/* 64-bit numbers are strings in protobuf's JSON. */
static json_t *number_text(int64_t n)
{
    return json_sprintf("%" PRId64, n);
}

json_t *etcd_op_put(const char *key, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_t *op = text ? json_pack("{s:{s:o, s:o}}", "request_put", "key", key_bytes(key), "value",
                                  bytes(text, strlen(text)))
                      : NULL;
    free(text);
    json_decref(value);
    return op;
}

json_t *etcd_op_delete(const char *key)
{
    return json_pack("{s:{s:o}}", "request_delete_range", "key", key_bytes(key));
}

json_t *etcd_compare(const char *key, int64_t revision)
{
    return json_pack("{s:s, s:s, s:o, s:o}", "target", "MOD", "result", "EQUAL", "key", key_bytes(key),
                     "mod_revision", number_text(revision));
}

json_t *etcd_request_txn(const char *key, json_t *compares, json_t *ops)
{
    return json_pack("{s:o, s:o, s:[{s:{s:o}}]}", "compare", compares, "success", ops, "failure",
                     "request_range", "key", key_bytes(key));
}

json_t *etcd_request_range(const char *from, size_t len, const char *to, int limit,
                           int64_t revision)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "key", bytes(from, len), "range_end", key_bytes(to),
                     "limit", number_text(limit), "revision", number_text(revision));
}

json_t *etcd_request_watch(const char *from, const char *to, int64_t revision)
{
    return json_pack("{s:{s:o, s:o, s:o}}", "create_request", "key", key_bytes(from), "range_end",
                     key_bytes(to), "start_revision", number_text(revision));
}

json_t *etcd_request_token(const char *user, const char *password)
{
    return json_pack("{s:s, s:s}", "name", user, "password", password);
}

/* ---- answers ---- */

int64_t etcd_number(const json_t *object, const char *name)
{
    const json_t *n = json_object_get(object, name);
    return json_is_string(n) ? strtoll(json_string_value(n), NULL, 10) : json_integer_value(n);
}

int64_t etcd_revision(const json_t *answer)
{
    return etcd_number(json_object_get(answer, "header"), "revision");
}

/* Decodes into to; false: not base64. A missing member is empty. */
static bool decode(const json_t *text, char *to, size_t cap, size_t *len)
{
    const char *s = json_string_value(text);
    *len = 0;
    to[0] = 0;
    if (!s)
        return text == NULL;
    if (sodium_base642bin((uint8_t *)to, cap - 1, s, strlen(s), NULL, len, NULL,
                          sodium_base64_VARIANT_ORIGINAL))
        return false;
    to[*len] = 0;
    return true;
}

bool etcd_pair_read(const json_t *kv, struct etcd_pair *out)
{
    const json_t *key = json_object_get(kv, "key"), *value = json_object_get(kv, "value");
    size_t key_cap = json_string_length(key) + 1, value_cap = json_string_length(value) + 1;
    out->key = malloc(key_cap + value_cap);
    if (!out->key)
        return false;
    out->value = out->key + key_cap;
    out->revision = etcd_number(kv, "mod_revision");
    if (decode(key, out->key, key_cap, &out->key_len) &&
        decode(value, out->value, value_cap, &out->value_len))
        return true;
    free(out->key);
    return false;
}

void etcd_pair_free(struct etcd_pair *p)
{
    free(p->key);
}

/* clang-format off */
static const struct {
    int code;         /* gRPC; -1 = any */
    const char *part; /* of the text; NULL = any */
    enum etcd_fault fault;
} faults[] = {
    { 16, NULL,                           ETCD_UNAUTHENTICATED }, /* unknown or expired token */
    { 3,  "user name is empty",           ETCD_UNAUTHENTICATED }, /* none was sent */
    { 3,  "revision of auth store is old", ETCD_UNAUTHENTICATED },
    { 3,  "authentication failed",        ETCD_FORBIDDEN },       /* user or password */
    { 9,  "authentication is not enabled", ETCD_OPEN },
    { 7,  NULL,                           ETCD_FORBIDDEN },
    { 8,  "space exceeded",               ETCD_FULL },
    { 11, "compacted",                    ETCD_COMPACTED },
    { 14, NULL,                           ETCD_UNREACHED },       /* no leader, leader changed */
    { 4,  NULL,                           ETCD_UNREACHED },
    { 2,  "context",                      ETCD_UNREACHED },       /* it is being shut down */
};
/* clang-format on */

enum etcd_fault etcd_fault_of(const json_t *error, const char **text)
{
    const char *said = json_string_value(json_object_get(error, "error"));
    int code = (int)etcd_number(error, "code");
    *text = said ? said : "an error without a text";
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i].code == code && (!faults[i].part || strstr(*text, faults[i].part)))
            return faults[i].fault;
    return ETCD_REFUSED;
}
