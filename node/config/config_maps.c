/* routeMaps[] and who uses one: peers[].inboundRouteMap, outboundRouteMap. */
#include <stdio.h>
#include <string.h>

#include "node/base/memory.h"
#include "node/config/config_read.h"

static const char none[] = "none"; /* no map, where the defaults have one */

/* A rule as it stands in the file. */
struct draft {
    char name[CONFIG_NAME_MAX + 1];
    struct tree_node *match, *action;
    uint8_t next;
};

/* Reads one value of a test or an edit. */
typedef bool read_map_value(struct schema_reader *r, struct tree_node *n, struct route_map_value *v);

static void must(bool has_memory)
{
    if (!has_memory)
        abort();
}

/* ---- values ---- */

static bool read_prefix(struct schema_reader *r, struct tree_node *n, struct route_map_value *v)
{
    static const struct schema_row row = { "routePrefix", .help = "a prefix" };
    return schema_prefix(r, n, &row, &v->prefix);
}

/* An address is the prefix of itself. */
static bool read_next_hop(struct schema_reader *r, struct tree_node *n, struct route_map_value *v)
{
    if (n->kind == TREE_SCALAR && !ip_prefix_parse(n->text, &v->prefix))
        return true;
    schema_complain(r, n, "this is neither an address nor a prefix");
    report_hint(r->report, "write 10.1.2.4, or 10.1.2.0/24");
    return false;
}

static bool read_community(struct schema_reader *r, struct tree_node *n, struct route_map_value *v)
{
    const char *text = n->kind == TREE_SCALAR ? n->text : "";
    if (!bgp_community_parse(text, &v->community))
        return true;
    schema_complain(r, n, "\"%s\" is no community", text);
    report_hint(r->report, "write \"65515:100\", \"65515:1:100\" (large), \"rt:65515:100\" (extended), no-export; "
                           "\"*\" stands for any number");
    return false;
}

static bool read_exact(struct schema_reader *r, struct tree_node *n, struct route_map_value *v)
{
    if (!read_community(r, n, v))
        return false;
    if (bgp_community_is_exact(&v->community))
        return true;
    schema_complain(r, n, "\"%s\" stands for many: only what is removed or matched may", n->text);
    return false;
}

static bool read_removed(struct schema_reader *r, struct tree_node *n, struct route_map_value *v)
{
    struct bgp_community stale;
    if (!read_community(r, n, v))
        return false;
    must(!bgp_community_parse("llgr-stale", &stale));
    if (v->community.type != stale.type || !bgp_community_is_exact(&v->community) ||
        !bgp_community_matches(&v->community, stale.bytes))
        return true;
    schema_complain(r, n, "llgr-stale stays on a route (RFC 9494)");
    return false;
}

static bool read_asn(struct schema_reader *r, struct tree_node *n, struct route_map_value *v)
{
    static const struct schema_row row = { "asPath", .min = 1, .max = 4294967295, .help = "an AS number" };
    return schema_u32(r, n, &row, &v->number);
}

static bool read_number(struct schema_reader *r, struct tree_node *n, struct route_map_value *v)
{
    static const struct schema_row row = { "set", .max = 4294967295, .help = "a value" };
    return schema_u32(r, n, &row, &v->number);
}

static bool read_family(struct schema_reader *r, struct tree_node *n, struct route_map_value *v)
{
    static const char *const words[] = { "ipv4", "ipv6", NULL };
    static const struct schema_row row = { "family", .words = words, .help = "ipv4 or ipv6" };
    uint8_t family;
    if (!schema_word(r, n, &row, &family))
        return false;
    v->number = family;
    return true;
}

static void add_value(struct schema_reader *r, struct tree_node *n, struct route_map *m, read_map_value *read)
{
    struct route_map_value v;
    memset(&v, 0, sizeof v); /* maps compare by their bytes */
    if (read(r, n, &v))
        must(route_map_add_value(m, &v));
}

/* A list, or one value. */
static void add_values(struct schema_reader *r, struct tree_node *n, struct route_map *m, read_map_value *read,
                       uint32_t most, bool may_be_empty)
{
    if (n->kind != TREE_LIST) {
        add_value(r, n, m, read);
        return;
    }
    if (!n->first && !may_be_empty)
        schema_complain(r, n, "at least one value is needed here");
    else if (n->count > most)
        schema_complain(r, n, "more than %u values", most);
    for (struct tree_node *item = n->first; item && n->count <= most; item = item->next)
        add_value(r, item, m, read);
}

/* ---- match ---- */

static const struct schema_row prefix_rows[] = {
    { "equals", .is_separate = true },
    { "contains", .is_separate = true },
    { "notEquals", .is_separate = true },
    { "notContains", .is_separate = true },
    { "ge", schema_u8, offsetof(struct route_map_term, ge), 0, 128, .help = "least length of a prefix inside" },
    { "le", schema_u8, offsetof(struct route_map_term, le), 0, 128, .help = "greatest length of a prefix inside" },
    { 0 },
};
static const struct schema_row set_rows[] = {
    { "equals", .is_separate = true },    { "contains", .is_separate = true },
    { "notEquals", .is_separate = true }, { "notContains", .is_separate = true },
    { 0 },
};
static const struct schema_row single_rows[] = {
    { "equals", .is_separate = true }, { "notEquals", .is_separate = true }, { 0 }
};

static const char *const ops[] = { [ROUTE_MAP_EQUALS] = "equals",
                                   [ROUTE_MAP_CONTAINS] = "contains",
                                   [ROUTE_MAP_NOT_EQUALS] = "notEquals",
                                   [ROUTE_MAP_NOT_CONTAINS] = "notContains" };

static const struct schema_row match_rows[] = {
    { "routePrefix", .is_separate = true },
    { "community", .is_separate = true },
    { "asPath", .is_separate = true },
    { "originAs", .is_separate = true },
    { "nextHop", .is_separate = true },
    { "family", .is_separate = true },
    { 0 },
};
static const struct {
    const struct schema_row *rows;
    read_map_value *read;
} fields[ROUTE_MAP_FIELDS] = {
    [ROUTE_MAP_PREFIX] = { prefix_rows, read_prefix },   [ROUTE_MAP_COMMUNITY] = { set_rows, read_community },
    [ROUTE_MAP_AS_PATH] = { set_rows, read_asn },        [ROUTE_MAP_ORIGIN_AS] = { single_rows, read_asn },
    [ROUTE_MAP_NEXT_HOP] = { set_rows, read_next_hop },  [ROUTE_MAP_FAMILY] = { single_rows, read_family },
};

static void add_test(struct schema_reader *r, struct tree_node *values, struct route_map *m,
                     enum route_map_field field, enum route_map_op op, const struct route_map_term *lengths)
{
    must(route_map_add_test(m, field, op, lengths->ge, lengths->le));
    add_values(r, values, m, fields[field].read, UINT32_MAX, false);
}

static void check_lengths(struct schema_reader *r, const struct tree_node *n, const struct route_map_term *t)
{
    struct tree_node *ge = tree_get_good(n, "ge"), *le = tree_get_good(n, "le");
    struct tree_node *said = ge ? ge : le;
    if (said && !tree_get(n, "contains") && !tree_get(n, "notContains"))
        schema_complain(r, said, "ge and le are lengths of prefixes inside others: beside contains");
    else if (said && t->ge > t->le)
        schema_complain(r, said, "no length is %u at least and %u at most", t->ge, t->le);
}

/* Has any prefix inside one of these values, the map's last, such a length? */
static bool has_length(const struct route_map *m, uint32_t first, const struct route_map_term *t)
{
    for (uint32_t i = first; i < m->value_count; i++) {
        const struct ip_prefix *p = &m->values[i].prefix;
        uint8_t longest = p->family == BGP_IP4 ? 32 : 128;
        if (t->ge <= longest && t->le >= p->len)
            return true;
    }
    return first == m->value_count;
}

static void check_inside(struct schema_reader *r, const struct tree_node *n, const struct route_map *m, uint32_t first,
                         const struct route_map_term *t)
{
    char path[TREE_PATH_TEXT];
    struct tree_node *ge = tree_get_good(n, "ge"), *le = tree_get_good(n, "le"), *said = ge ? ge : le;
    if (!said || has_length(m, first, t))
        return;
    report_warning(r->report, said->mark, tree_path(said, path), "no prefix inside has such a length");
    report_hint(r->report, "lengths go from the prefix's own to 32, of IPv6 to 128");
}

/* { equals: [], contains: [] …}, all of which must hold; a single value is what it equals. */
static void read_field(struct schema_reader *r, struct tree_node *n, struct route_map *m, enum route_map_field field)
{
    struct route_map_term lengths = { .le = UINT8_MAX };
    if (n->kind == TREE_SCALAR) {
        add_test(r, n, m, field, ROUTE_MAP_EQUALS, &lengths);
        return;
    }
    if (!schema_is_map(r, n))
        return;
    schema_read_object(r, n, fields[field].rows, &lengths);
    check_lengths(r, n, &lengths);
    if (!n->first)
        schema_complain(r, n, "nothing is compared here: { equals: [] }, { contains: [] } …");
    for (unsigned op = 0; op < sizeof ops / sizeof *ops; op++) {
        struct tree_node *values = tree_get_good(n, ops[op]);
        uint32_t first = m->value_count;
        if (!values)
            continue;
        add_test(r, values, m, field, (enum route_map_op)op, &lengths);
        if (op == ROUTE_MAP_CONTAINS || op == ROUTE_MAP_NOT_CONTAINS)
            check_inside(r, n, m, first, &lengths);
    }
}

static void read_match(struct schema_reader *r, struct tree_node *n, struct route_map *m)
{
    if (!n || !schema_is_map(r, n))
        return;
    schema_read_object(r, n, match_rows, NULL);
    for (unsigned field = 0; field < ROUTE_MAP_FIELDS; field++) {
        struct tree_node *tests = tree_get_good(n, match_rows[field].key);
        if (tests)
            read_field(r, tests, m, (enum route_map_field)field);
    }
}

/* ---- action ---- */

static const struct schema_row action_rows[] = {
    [ROUTE_MAP_REPLACE_COMMUNITY] = { "replaceCommunity", .is_separate = true },
    [ROUTE_MAP_REMOVE_COMMUNITY] = { "removeCommunity", .is_separate = true },
    [ROUTE_MAP_ADD_COMMUNITY] = { "addCommunity", .is_separate = true },
    [ROUTE_MAP_PREPEND] = { "prependAsPath", .is_separate = true },
    [ROUTE_MAP_SET_MED] = { "setMed", .is_separate = true },
    [ROUTE_MAP_SET_LOCAL_PREF] = { "setLocalPreference", .is_separate = true },
    { 0 },
};
static const struct {
    read_map_value *read;
    uint32_t most;
    bool may_be_empty;
} edits[ROUTE_MAP_EDITS] = {
    [ROUTE_MAP_REPLACE_COMMUNITY] = { read_exact, UINT32_MAX, true }, /* [] clears them */
    [ROUTE_MAP_REMOVE_COMMUNITY] = { read_removed, UINT32_MAX, false },
    [ROUTE_MAP_ADD_COMMUNITY] = { read_exact, UINT32_MAX, false },
    [ROUTE_MAP_PREPEND] = { read_asn, ROUTE_MAP_PREPEND_MAX, false },
    [ROUTE_MAP_SET_MED] = { read_number, 1, false },
    [ROUTE_MAP_SET_LOCAL_PREF] = { read_number, 1, false },
};

static void read_edits(struct schema_reader *r, struct tree_node *n, struct route_map *m)
{
    schema_read_object(r, n, action_rows, NULL);
    if (!n->first)
        schema_complain(r, n, "nothing is done here: drop, permit, or { addCommunity: [] } …");
    for (unsigned kind = 0; kind < ROUTE_MAP_EDITS; kind++) {
        struct tree_node *values = tree_get_good(n, action_rows[kind].key);
        if (!values)
            continue;
        must(route_map_add_edit(m, (enum route_map_edit)kind));
        add_values(r, values, m, edits[kind].read, edits[kind].most, edits[kind].may_be_empty);
    }
}

/* permit and allow mean the same: what no rule drops passes anyway. */
static bool is_drop(struct schema_reader *r, struct tree_node *n)
{
    static const char *const words[] = { "drop", "permit", "allow", NULL };
    static const struct schema_row row = { "action", .words = words,
                                           .help = "drop, permit, or { addCommunity: [] } …" };
    uint8_t word = 1;
    if (n && n->kind == TREE_SCALAR)
        schema_word(r, n, &row, &word);
    return !word;
}

/* ---- rules ---- */

static bool read_node(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    (void)r, (void)row;
    *(struct tree_node **)to = n;
    return true;
}

static const char *const nexts[] = { "terminate", "continue", NULL };

static const struct schema_row rule_rows[] = {
    { "name", schema_name, offsetof(struct draft, name), .is_required = true, .help = "the rule" },
    { "match", read_node, offsetof(struct draft, match), .help = "{ routePrefix, community, asPath … }" },
    { "action", read_node, offsetof(struct draft, action), .is_required = true,
      .help = "drop, permit, or { addCommunity: [] } …" },
    { "next", schema_word, offsetof(struct draft, next), .words = nexts,
      .help = "terminate, or continue with the next rule" },
    { 0 },
};

/* 65515:10 towards a peer of ours: what begins with our own AS is ours to clean up. */
static void warn_of_own(struct schema_reader *r, const struct tree_node *rule, const struct route_map *m,
                        const struct route_map_term *t)
{
    char text[BGP_COMMUNITY_TEXT], path[TREE_PATH_TEXT];
    for (uint32_t i = 0; i < t->count; i++) {
        const struct bgp_community *c = &m->values[t->first + i].community;
        bool is_own = (c->type == BGP_ATTR_COMMUNITIES && wire_get16(c->bytes) == r->config->asn) ||
                      (c->type == BGP_ATTR_LARGE_COMMUNITIES && wire_get32(c->bytes) == r->config->asn);
        if (is_own)
            report_warning(r->report, tree_place(rule), tree_path(rule, path),
                           "%s uses the server's own ASN; peers may strip it", bgp_community_format(c, text));
    }
}

static void check_edits(struct schema_reader *r, const struct tree_node *n, const struct route_map *m)
{
    const struct route_map_rule *rule = &m->rules[m->rule_count - 1];
    for (uint32_t i = 0; i < rule->edits; i++) {
        const struct route_map_term *t = &m->terms[rule->first + rule->tests + i];
        if (t->kind == ROUTE_MAP_ADD_COMMUNITY || t->kind == ROUTE_MAP_REPLACE_COMMUNITY)
            warn_of_own(r, n, m, t);
    }
}

static void check_name(struct schema_reader *r, const struct tree_node *n, const struct route_map *m)
{
    struct tree_node *name = tree_get_good(n, "name");
    for (uint32_t i = 0; name && i + 1 < m->rule_count; i++)
        if (!strcmp(m->rules[i].name, name->text)) {
            schema_complain(r, name, "rule %u of this map has the name \"%s\" already", i + 1, name->text);
            return;
        }
}

static void read_rule(struct schema_reader *r, struct tree_node *n, struct route_map *m)
{
    struct draft d = { 0 };
    if (!schema_is_map(r, n))
        return;
    schema_read_object(r, n, rule_rows, &d);
    must(route_map_add_rule(m, d.name, is_drop(r, d.action), d.next == 1));
    check_name(r, n, m);
    read_match(r, d.match, m);
    if (d.action && d.action->kind != TREE_SCALAR && schema_is_map(r, d.action))
        read_edits(r, d.action, m);
    check_edits(r, n, m);
}

/* ---- maps ---- */

struct map_draft {
    char name[CONFIG_NAME_MAX + 1];
    struct tree_node *rules;
};

static const struct schema_row map_rows[] = {
    { "name", schema_name, offsetof(struct map_draft, name), .is_required = true, .help = "the route map" },
    { "rules", read_node, offsetof(struct map_draft, rules), .is_required = true,
      .help = "[{ name, match, action, next }]" },
    { 0 },
};

static struct route_map *read_map(struct schema_reader *r, struct tree_node *n)
{
    struct map_draft d = { 0 };
    schema_read_object(r, n, map_rows, &d);
    struct route_map *m = route_map_new(d.name);
    must(m);
    if (!strcmp(d.name, none))
        schema_complain(r, tree_get(n, "name"), "\"none\" is what a peer without a route map says");
    if (d.rules && schema_is_list(r, d.rules))
        for (struct tree_node *rule = d.rules->first; rule; rule = rule->next)
            read_rule(r, rule, m);
    route_map_seal(m);
    return m;
}

void config_read_maps(struct schema_reader *r, struct tree_node *list, struct config *c)
{
    if (!list || !schema_is_list(r, list))
        return;
    c->maps = memory_new(list->count, sizeof *c->maps);
    for (struct tree_node *n = list->first; n; n = n->next)
        if (schema_is_map(r, n))
            c->maps[c->map_count++] = read_map(r, n);
}

bool config_read_map_name(struct schema_reader *r, struct tree_node *n, const struct schema_row *row, void *to)
{
    struct route_map **out = to, *found = NULL;
    char known[256] = "";
    const char *text = n->kind == TREE_SCALAR ? n->text : "";
    bool is_none = !strcmp(text, none);
    (void)row;
    for (size_t i = 0; i < r->config->map_count; i++) {
        const char *name = r->config->maps[i]->name;
        found = strcmp(name, text) ? found : r->config->maps[i];
        snprintf(known + strlen(known), sizeof known - strlen(known), ", %s", name);
    }
    if (found || is_none) {
        route_map_unref(*out);
        *out = route_map_ref(found);
        return true;
    }
    schema_complain(r, n, "there is no route map \"%s\"", text);
    report_hint(r->report, "known here: none%s", known);
    return false;
}

/* ---- users ---- */

void config_check_map_use(struct schema_reader *r, struct tree_node *n, const struct route_map *m)
{
    char path[TREE_PATH_TEXT];
    if (n && m && route_map_does(m, ROUTE_MAP_SET_LOCAL_PREF))
        report_warning(r->report, n->mark, tree_path(n, path),
                       "%s sets a local preference, which no peer is told (RFC 4271)", m->name);
}
