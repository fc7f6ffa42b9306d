/* A route map from its parts, and a route on its way through it. */
#include "bgp/policy/route_map.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- building ---- */

/* Room for one more; what is new is zero to the last byte, so that maps compare by their bytes. */
static bool grow(void *array, uint32_t count, size_t size)
{
    enum { FIRST = 8 };
    bool is_full = count >= FIRST ? !(count & (count - 1)) : count == 0;
    uint32_t room = count ? 2 * count : FIRST;
    void **at = array;
    if (!is_full)
        return true;
    void *wider = reallocarray(*at, room, size);
    if (!wider)
        return false;
    memset((char *)wider + count * size, 0, (room - count) * size);
    *at = wider;
    return true;
}

struct route_map *route_map_new(const char *name)
{
    struct route_map *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->refs = 1;
    snprintf(m->name, sizeof m->name, "%s", name);
    return m;
}

struct route_map *route_map_ref(struct route_map *m)
{
    if (m)
        m->refs++;
    return m;
}

void route_map_unref(struct route_map *m)
{
    if (!m || --m->refs)
        return;
    free(m->rules);
    free(m->terms);
    free(m->values);
    free(m);
}

bool route_map_add_rule(struct route_map *m, const char *name, bool drops, bool continues)
{
    if (!grow(&m->rules, m->rule_count, sizeof *m->rules))
        return false;
    struct route_map_rule *rule = &m->rules[m->rule_count++];
    snprintf(rule->name, sizeof rule->name, "%s", name);
    rule->drops = drops;
    rule->continues = continues;
    rule->first = m->term_count;
    return true;
}

static struct route_map_rule *last_rule(struct route_map *m)
{
    assert(m->rule_count);
    return &m->rules[m->rule_count - 1];
}

static struct route_map_term *add_term(struct route_map *m)
{
    if (!grow(&m->terms, m->term_count, sizeof *m->terms))
        return NULL;
    struct route_map_term *term = &m->terms[m->term_count++];
    term->first = m->value_count;
    return term;
}

bool route_map_add_test(struct route_map *m, enum route_map_field field, enum route_map_op op, uint8_t ge,
                        uint8_t le)
{
    struct route_map_rule *rule = last_rule(m);
    struct route_map_term *term = add_term(m);
    assert(!rule->edits);
    if (!term)
        return false;
    rule->tests++;
    term->kind = (uint8_t)field;
    term->op = (uint8_t)op;
    term->ge = ge;
    term->le = le;
    return true;
}

bool route_map_add_edit(struct route_map *m, enum route_map_edit kind)
{
    struct route_map_rule *rule = last_rule(m);
    struct route_map_term *term = add_term(m);
    if (!term)
        return false;
    rule->edits++;
    term->kind = (uint8_t)kind;
    return true;
}

bool route_map_add_value(struct route_map *m, const struct route_map_value *v)
{
    assert(m->term_count);
    if (!grow(&m->values, m->value_count, sizeof *m->values))
        return false;
    memcpy(&m->values[m->value_count++], v, sizeof *v);
    m->terms[m->term_count - 1].count++;
    return true;
}

static int compare_prefixes(const void *a, const void *b)
{
    const struct route_map_value *x = a, *y = b;
    return memcmp(&x->prefix, &y->prefix, sizeof x->prefix);
}

/* In order, so that they are found in few steps. */
static void sort_prefixes(const struct route_map *m, struct route_map_term *term)
{
    if (!term->count) /* there may be no values at all */
        return;
    struct route_map_value *values = m->values + term->first;
    qsort(values, term->count, sizeof *values, compare_prefixes);
    for (uint32_t i = 0; i < term->count; i++) {
        const struct ip_prefix *p = &values[i].prefix;
        term->lengths[p->family][p->len / 64] |= (uint64_t)1 << p->len % 64;
    }
}

void route_map_seal(struct route_map *m)
{
    for (uint32_t r = 0; r < m->rule_count; r++)
        for (uint32_t i = 0; i < m->rules[r].tests; i++) {
            struct route_map_term *term = &m->terms[m->rules[r].first + i];
            if (term->kind == ROUTE_MAP_PREFIX || term->kind == ROUTE_MAP_NEXT_HOP)
                sort_prefixes(m, term);
        }
}

static bool are_equal(const void *a, uint32_t a_count, const void *b, uint32_t b_count, size_t size)
{
    return a_count == b_count && (!a_count || !memcmp(a, b, a_count * size));
}

bool route_map_is_equal(const struct route_map *a, const struct route_map *b)
{
    if (a == b || !a || !b)
        return a == b;
    return !strcmp(a->name, b->name) &&
           are_equal(a->rules, a->rule_count, b->rules, b->rule_count, sizeof *a->rules) &&
           are_equal(a->terms, a->term_count, b->terms, b->term_count, sizeof *a->terms) &&
           are_equal(a->values, a->value_count, b->values, b->value_count, sizeof *a->values);
}

bool route_map_does(const struct route_map *m, enum route_map_edit kind)
{
    for (uint32_t r = 0; r < m->rule_count; r++)
        for (uint32_t i = 0; i < m->rules[r].edits; i++)
            if (m->terms[m->rules[r].first + m->rules[r].tests + i].kind == kind)
                return true;
    return false;
}

/* ---- a route on its way ---- */

/* Edits that were made are summed up at the end: tests read the bytes. */
static bool finish(struct bgp_attrs *attrs, const struct bgp_attrs *received)
{
    const struct bgp_attrs edited = *attrs;
    if (edited.bytes == received->bytes)
        return true;
    bool is_sound = bgp_attrs_summarise_own(edited.bytes, edited.len, attrs);
    attrs->next_hop = received->next_hop;
    attrs->link_local = received->link_local;
    return is_sound;
}

/* Edit into the half of the room that is not being read. */
static bool edit(const struct route_map *m, const struct route_map_rule *rule, bool without_med,
                 struct bgp_attrs *attrs, struct route_map_room *room)
{
    return route_map_edit(m, rule, without_med, attrs, room->bytes[attrs->bytes == room->bytes[0]]);
}

enum route_map_verdict route_map_apply(const struct route_map *m, const struct ip_prefix *prefix,
                                       struct bgp_attrs *attrs, bool without_med,
                                       struct route_map_room *room, struct route_map_trace *trace)
{
    const struct bgp_attrs received = *attrs;
    if (trace)
        trace->count = 0;
    if (without_med && attrs->marks & BGP_MARK_MED && !edit(m, NULL, true, attrs, room))
        return ROUTE_MAP_TOO_LONG;
    for (uint32_t i = 0; i < m->rule_count; i++) {
        const struct route_map_rule *rule = &m->rules[i];
        if (!route_map_matches(m, rule, prefix, attrs))
            continue;
        if (trace && trace->count < ROUTE_MAP_STEPS)
            trace->rules[trace->count++] = i;
        if (rule->drops)
            return ROUTE_MAP_DROPPED;
        if (rule->edits && !edit(m, rule, false, attrs, room))
            return ROUTE_MAP_TOO_LONG;
        if (!rule->continues)
            break;
    }
    return finish(attrs, &received) ? ROUTE_MAP_PASSED : ROUTE_MAP_TOO_LONG;
}
