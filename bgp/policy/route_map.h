/* Route maps: what is done with a route by the rules that a user wrote.
 *
 * Rules are tried in their order. One matches when all its tests hold; then it drops the route, or edits its
 * attributes and ends the map, or, where it says so, hands the route on to the next rule as it is then. What no
 * rule drops passes: the default of the Azure preview.
 *
 * Pure data and pure functions, so that every node makes the same of the same route. A map is built once, and
 * does not change after route_map_seal; whoever holds it has a reference.
 * Source: Microsoft.Network virtualHubs/routeMaps; RFC 4271 section 9.1.1 (degree of preference), 5.1.2, 5.1.4. */
#ifndef TANDEM_BGP_ROUTE_MAP_H
#define TANDEM_BGP_ROUTE_MAP_H

#include "bgp/codec/community.h"

enum { ROUTE_MAP_NAME = 64, ROUTE_MAP_PREPEND_MAX = 32 };

/* What of a route a test looks at. */
enum route_map_field {
    ROUTE_MAP_PREFIX,    /* values: prefix */
    ROUTE_MAP_COMMUNITY, /* community */
    ROUTE_MAP_AS_PATH,   /* number */
    ROUTE_MAP_ORIGIN_AS, /* number: the last AS of the path */
    ROUTE_MAP_NEXT_HOP,  /* prefix */
    ROUTE_MAP_FAMILY,    /* number: enum bgp_family */
    ROUTE_MAP_FIELDS,
};

/* EQUALS    prefix, next hop, origin AS, family: is one of the values; communities: all values are there;
 *           AS path: these ASes in this order, and no others
 * CONTAINS  prefix, next hop: lies inside one of the values; communities, AS path: one of the values is there */
enum route_map_op { ROUTE_MAP_EQUALS, ROUTE_MAP_CONTAINS, ROUTE_MAP_NOT_EQUALS, ROUTE_MAP_NOT_CONTAINS };

/* What a rule does, in this order whatever the order in which it was written. */
enum route_map_edit {
    ROUTE_MAP_REPLACE_COMMUNITY, /* all of every kind go, these come */
    ROUTE_MAP_REMOVE_COMMUNITY,
    ROUTE_MAP_ADD_COMMUNITY,
    ROUTE_MAP_PREPEND,         /* numbers: ASes, the first of them foremost */
    ROUTE_MAP_SET_MED,         /* one number */
    ROUTE_MAP_SET_LOCAL_PREF,  /* one number */
    ROUTE_MAP_EDITS,
};

struct route_map_value {
    union {
        struct ip_prefix prefix;
        struct bgp_community community;
        uint32_t number;
    };
};

/* A test, or an edit, with its values. */
struct route_map_term {
    uint8_t kind;   /* enum route_map_field, or enum route_map_edit */
    uint8_t op;     /* of a test: enum route_map_op */
    uint8_t ge, le; /* of ROUTE_MAP_PREFIX: lengths that a prefix inside may have */
    uint32_t first, count;
    uint64_t lengths[BGP_FAMILIES][3]; /* of prefixes: bit per length that some value has */
};

struct route_map_rule {
    char name[ROUTE_MAP_NAME + 1];
    bool drops;
    bool continues;
    uint32_t first, tests, edits; /* terms: the tests, and behind them the edits */
};

struct route_map {
    uint32_t refs;
    char name[ROUTE_MAP_NAME + 1];
    struct route_map_rule *rules;
    struct route_map_term *terms;
    struct route_map_value *values;
    uint32_t rule_count, term_count, value_count;
};

/* ---- building: false, or NULL: out of memory ---- */

struct route_map *route_map_new(const char *name);
struct route_map *route_map_ref(struct route_map *m); /* NULL is nobody's */
void route_map_unref(struct route_map *m);
bool route_map_add_rule(struct route_map *m, const char *name, bool drops, bool continues) MUST_USE;
/* To the rule added last: all tests, then edits in the order of their enum. */
bool route_map_add_test(struct route_map *m, enum route_map_field field, enum route_map_op op, uint8_t ge,
                        uint8_t le) MUST_USE;
bool route_map_add_edit(struct route_map *m, enum route_map_edit kind) MUST_USE;
/* To the test or edit added last. */
bool route_map_add_value(struct route_map *m, const struct route_map_value *v) MUST_USE;
void route_map_seal(struct route_map *m);

/* Do they say the same, word for word? NULL equals NULL. */
bool route_map_is_equal(const struct route_map *a, const struct route_map *b);
/* Does some rule do this? */
bool route_map_does(const struct route_map *m, enum route_map_edit kind);

/* ---- using ---- */

/* Attributes as edited; one pass reads what the one before wrote. */
struct route_map_room {
    uint8_t bytes[2][UINT16_MAX];
};

/* Rules that matched, in their order; what is beyond is left out. */
enum { ROUTE_MAP_STEPS = 16 };
struct route_map_trace {
    uint32_t rules[ROUTE_MAP_STEPS], count;
};

enum route_map_verdict {
    ROUTE_MAP_PASSED,
    ROUTE_MAP_DROPPED,
    ROUTE_MAP_TOO_LONG, /* its attributes cannot be as long as the rules would have them */
};

/* What the map makes of a route.
 * attrs        canonical; edited, its bytes are the room's: valid until the room is used again
 * without_med  the received MED does not leave (RFC 4271 section 5.1.4), only one that a rule sets
 * trace        may be NULL */
enum route_map_verdict route_map_apply(const struct route_map *m, const struct ip_prefix *prefix,
                                       struct bgp_attrs *attrs, bool without_med,
                                       struct route_map_room *room, struct route_map_trace *trace);

/* What it did, in words: "rule \"tag\" added 65515:10; rule \"far\" prepended 65010". Returns buf. */
enum { ROUTE_MAP_TEXT = 512 };
const char *route_map_text(const struct route_map *m, const struct route_map_trace *trace,
                           enum route_map_verdict verdict, char buf[static ROUTE_MAP_TEXT]);

/* Inside: shared by route_map*.c only. Does the rule match? Carry out its edits (rule NULL: none) from attrs into
 * buf, which has room for UINT16_MAX; false: too long. */
bool route_map_matches(const struct route_map *m, const struct route_map_rule *rule,
                       const struct ip_prefix *prefix, const struct bgp_attrs *attrs);
bool route_map_edit(const struct route_map *m, const struct route_map_rule *rule, bool without_med,
                    struct bgp_attrs *attrs, uint8_t *buf);

#endif
