/* Route maps of a test, a line a rule:
 *     struct route_map *m = map_of("tag", false, true);        a first rule, its name, drops, continues
 *     map_test(m, ROUTE_MAP_AS_PATH, ROUTE_MAP_CONTAINS, "65010 65011");
 *     map_edit(m, ROUTE_MAP_ADD_COMMUNITY, "65515:10");
 *     route_map_seal(m);                                                                            */
#ifndef TANDEM_TESTS_LIB_MAPS_H
#define TANDEM_TESTS_LIB_MAPS_H

#include <assert.h>
#include <stdlib.h>

#include "bgp/policy/route_map.h"

static inline void map_rule(struct route_map *m, const char *name, bool drops, bool continues)
{
    bool ok = route_map_add_rule(m, name, drops, continues);
    assert(ok);
    (void)ok;
}

static inline struct route_map *map_of(const char *rule, bool drops, bool continues)
{
    struct route_map *m = route_map_new("map");
    assert(m);
    map_rule(m, rule, drops, continues);
    return m;
}

/* Words become what they look like: a prefix, a community, a number. */
static inline void map_values(struct route_map *m, const char *words)
{
    char copy[512], *rest = copy;
    assert(strlen(words) < sizeof copy);
    strcpy(copy, words);
    for (const char *word; (word = strtok_r(rest, " ", &rest));) {
        struct route_map_value v;
        bool ok;
        memset(&v, 0, sizeof v);
        if (strchr(word, '/'))
            ok = !ip_prefix_parse(word, &v.prefix);
        else if (strchr(word, ':') || strchr(word, '-'))
            ok = !bgp_community_parse(word, &v.community);
        else
            ok = (v.number = (uint32_t)strtoul(word, NULL, 10), true);
        ok = ok && route_map_add_value(m, &v);
        assert(ok);
        (void)ok;
    }
}

static inline void map_test_lengths(struct route_map *m, enum route_map_field field, enum route_map_op op,
                                    const char *words, uint8_t ge, uint8_t le)
{
    bool ok = route_map_add_test(m, field, op, ge, le);
    assert(ok);
    (void)ok;
    map_values(m, words);
}

static inline void map_test(struct route_map *m, enum route_map_field field, enum route_map_op op, const char *words)
{
    map_test_lengths(m, field, op, words, 0, UINT8_MAX);
}

static inline void map_edit(struct route_map *m, enum route_map_edit kind, const char *words)
{
    bool ok = route_map_add_edit(m, kind);
    assert(ok);
    (void)ok;
    map_values(m, words);
}

#endif
