/* What a route map did to a route, in words. */
#include <stdarg.h>
#include <stdio.h>

#include "bgp/policy/route_map.h"

struct text {
    char *at;
    size_t left;
};

static void __attribute__((format(printf, 2, 3))) say(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(t->at, t->left, format, args);
    va_end(args);
    size_t said = (size_t)len < t->left ? (size_t)len : t->left - 1; /* cut where the room ends */
    t->at += said;
    t->left -= said;
}

typedef void print_value(struct text *t, const struct route_map_value *v);

static void print_community(struct text *t, const struct route_map_value *v)
{
    char buf[BGP_COMMUNITY_TEXT];
    say(t, " %s", bgp_community_format(&v->community, buf));
}

static void print_number(struct text *t, const struct route_map_value *v)
{
    say(t, " %u", v->number);
}

static const struct {
    const char *did;
    print_value *print;
} edits[ROUTE_MAP_EDITS] = {
    [ROUTE_MAP_REPLACE_COMMUNITY] = { "replaced all communities by", print_community },
    [ROUTE_MAP_REMOVE_COMMUNITY] = { "removed", print_community },
    [ROUTE_MAP_ADD_COMMUNITY] = { "added", print_community },
    [ROUTE_MAP_PREPEND] = { "prepended", print_number },
    [ROUTE_MAP_SET_MED] = { "set MED", print_number },
    [ROUTE_MAP_SET_LOCAL_PREF] = { "set local preference", print_number },
};

static void print_edit(struct text *t, const struct route_map *m, const struct route_map_term *term)
{
    say(t, " %s", edits[term->kind].did);
    for (uint32_t i = 0; i < term->count; i++)
        edits[term->kind].print(t, &m->values[term->first + i]);
    if (!term->count)
        say(t, " none");
}

static void print_rule(struct text *t, const struct route_map *m, const struct route_map_rule *rule)
{
    say(t, "rule \"%s\"", rule->name);
    if (rule->drops)
        say(t, " dropped it");
    else if (!rule->edits)
        say(t, " let it pass");
    for (uint32_t i = 0; i < rule->edits; i++) {
        say(t, "%s", i ? "," : "");
        print_edit(t, m, &m->terms[rule->first + rule->tests + i]);
    }
}

const char *route_map_text(const struct route_map *m, const struct route_map_trace *trace,
                           enum route_map_verdict verdict, char buf[static ROUTE_MAP_TEXT])
{
    struct text t = { .at = buf, .left = ROUTE_MAP_TEXT };
    say(&t, "%s: ", m->name);
    for (uint32_t i = 0; i < trace->count; i++) {
        say(&t, "%s", i ? "; " : "");
        print_rule(&t, m, &m->rules[trace->rules[i]]);
    }
    if (!trace->count)
        say(&t, "no rule matched");
    if (verdict == ROUTE_MAP_TOO_LONG)
        say(&t, ": no attributes can be so long");
    return buf;
}
