/* What Tandem stands for in etcd, and etcd's JSON gateway: names, values, requests, no I/O.
 *
 *     PREFIX/fence          {"epoch":12,"owner":1,"node":"rs-a","incarnation":4390912}
 *     PREFIX/beat           {"epoch":12,"count":7}
 *     PREFIX/gen            {"epoch":12,"version":31,"count":812,"digest":"32 hex digits"}
 *     PREFIX/routes/10.1.0.0/16
 *                           {"nextHops":["10.1.2.4"],"from":"nva-1","node":"rs-a","epoch":12}
 *
 * The next hop 0.0.0.0 or :: discards. Keys of other names below PREFIX are nobody's business here. The gateway speaks protobuf's JSON:
 * bytes are base64, 64-bit numbers are strings, what is zero or false is left out.
 * Source: etcd 3.4 api/rpc.proto, /v3/kv, /v3/watch, /v3/auth. */
#ifndef TANDEM_NODE_TARGETS_ETCD_WIRE_H
#define TANDEM_NODE_TARGETS_ETCD_WIRE_H

#include <jansson.h>

#include "bgp/rib/nhset.h"
#include "replication/digest.h"
#include "replication/fence.h"

enum {
    ETCD_PREFIX_MAX = 200,
    ETCD_KEY_MAX = ETCD_PREFIX_MAX + 16 + IP_PREFIX_TEXT,
    ETCD_OPS_MAX = 128, /* of a transaction: the server's default for --max-txn-ops */
};

/* ---- names ---- */

enum etcd_key { ETCD_FOREIGN, ETCD_FENCE, ETCD_BEAT, ETCD_GEN, ETCD_ROUTE };

/* prefix ends in '/'. route is set for ETCD_ROUTE; a text that is not the one this code would write
 * for its prefix is ETCD_FOREIGN, so that a prefix never has two keys. */
enum etcd_key etcd_key_of(const char *prefix, const char *key, size_t len, struct ip_prefix *route);
void etcd_key_name(const char *prefix, enum etcd_key key, char out[static ETCD_KEY_MAX]);
void etcd_key_route(const char *prefix, const struct ip_prefix *route,
                    char out[static ETCD_KEY_MAX]);
/* The first key behind all that begin with prefix. */
void etcd_key_end(const char *prefix, char out[static ETCD_KEY_MAX]);

/* ---- values; false: not ours, or damaged ---- */

struct etcd_gen {
    uint64_t epoch, version, count;
    uint8_t digest[REPL_DIGEST];
};

json_t *etcd_value_fence(const struct repl_fence_record *r, const char *node);
json_t *etcd_value_beat(uint64_t epoch, uint64_t count);
json_t *etcd_value_gen(const struct etcd_gen *g);
json_t *etcd_value_route(const struct nhset *set, const char *from, const char *node,
                         uint64_t epoch);
bool etcd_read_fence(const char *value, size_t len, struct repl_fence_record *out);
bool etcd_read_beat(const char *value, size_t len, uint64_t *epoch);
bool etcd_read_gen(const char *value, size_t len, struct etcd_gen *out);
bool etcd_read_route(const char *value, size_t len, struct ip_addr members[static NHSET_MAX],
                     uint32_t *count);

/* ---- requests; every json_t that is given is taken, NULL goes through: out of memory ---- */

json_t *etcd_op_put(const char *key, json_t *value);
json_t *etcd_op_delete(const char *key);
/* The key's revision is still this one; 0: there is no such key. */
json_t *etcd_compare(const char *key, int64_t revision);
/* All of ops if all of compares hold, else the key's range. */
json_t *etcd_request_txn(const char *key, json_t *compares, json_t *ops);
/* Keys from..to (to excluded), limit 0 = all, revision 0 = now. */
json_t *etcd_request_range(const char *from, size_t len, const char *to, int limit,
                           int64_t revision);
json_t *etcd_request_watch(const char *from, const char *to, int64_t revision);
json_t *etcd_request_token(const char *user, const char *password);

/* ---- answers ---- */

/* A number, which the gateway writes as a string; 0 when there is none. */
int64_t etcd_number(const json_t *object, const char *name);
int64_t etcd_revision(const json_t *answer); /* header.revision */

/* A key and its value, decoded. */
struct etcd_pair {
    char *key, *value; /* each with a 0 behind; one block */
    size_t key_len, value_len;
    int64_t revision;  /* mod_revision */
};
/* false: malformed, or out of memory. etcd_pair_free after true. */
bool etcd_pair_read(const json_t *kv, struct etcd_pair *out);
void etcd_pair_free(struct etcd_pair *p);

/* What an error means to us. */
enum etcd_fault {
    ETCD_FINE,
    ETCD_UNREACHED,       /* no answer, or no leader: the next endpoint may do better */
    ETCD_COMPACTED,       /* the revision asked for is history */
    ETCD_UNAUTHENTICATED, /* the token is missing, old or unknown */
    ETCD_OPEN,            /* it asks nobody for a password */
    ETCD_FORBIDDEN,       /* wrong password, or the role does not allow it */
    ETCD_FULL,            /* the store's quota is used up */
    ETCD_REFUSED,         /* anything else */
};
/* Of {"error": text, "code": gRPC status}; text is borrowed from the answer. */
enum etcd_fault etcd_fault_of(const json_t *error, const char **text);

#endif
