/* What a target takes of the table: programming[].filter and programming[].blackhole. */
#include <stdio.h>
#include <string.h>

#include "node/base/memory.h"
#include "node/config/config_read.h"

/* ---- peers ---- */

static const struct tree_node *find_peer(const struct tree_node *name)
{
    const struct tree_node *root = name;
    const char *text = name->kind == TREE_SCALAR ? name->text : "";
    while (root->parent)
        root = root->parent;
    const struct tree_node *peers = tree_get(root, "peers");
    for (const struct tree_node *peer = peers ? peers->first : NULL; peer; peer = peer->next) {
        const struct tree_node *at = tree_get(peer, "name");
        if (at && at->kind == TREE_SCALAR && strcmp(at->text, text) == 0)
            return peer;
    }
    return NULL;
}

static bool read_names(struct schema_reader *r, struct tree_node *n, struct config_peer_list *out)
{
    if (!schema_is_list(r, n))
        return false;
    out->places = memory_new(n->count, sizeof *out->places);
    for (struct tree_node *name = n->first; name; name = name->next) {
        const struct tree_node *peer = find_peer(name);
        if (peer)
            out->places[out->count++] = peer->index;
        else
            schema_complain(r, name, "there is no peer \"%s\"",
                            name->kind == TREE_SCALAR ? name->text : "");
    }
    return true;
}

bool config_read_peer_list(struct schema_reader *r, struct tree_node *n,
                           const struct schema_row *row, void *to)
{
    struct config_peer_list *out = to;
    return n->kind == TREE_SCALAR ? schema_bool(r, n, row, &out->all) : read_names(r, n, out);
}

void config_peers_copy(struct config_peer_list *to, const struct config_peer_list *from)
{
    *to = *from;
    to->places = memory_new(from->count, sizeof *to->places);
    for (size_t i = 0; i < from->count; i++)
        to->places[i] = from->places[i];
}

/* ---- communities ---- */

/* The parts between the colons, each within max; 0: it is something else. */
static size_t read_parts(const char *text, uint32_t parts[static 3])
{
    size_t count = 0;
    for (;;) {
        char *end;
        unsigned long long value = strtoull(text, &end, 10);
        if (*text < '0' || *text > '9' || value > UINT32_MAX || count == 3)
            return 0;
        parts[count++] = (uint32_t)value;
        if (!*end)
            return count;
        if (*end != ':')
            return 0;
        text = end + 1;
    }
}

static bool read_community(struct schema_reader *r, struct tree_node *n,
                           struct config_community *out)
{
    const char *text = n->kind == TREE_SCALAR ? n->text : "";
    size_t count = read_parts(text, out->parts);
    out->is_large = count == 3;
    if (count == 3 || (count == 2 && out->parts[0] <= UINT16_MAX && out->parts[1] <= UINT16_MAX))
        return true;
    schema_complain(r, n, "\"%s\" is no community", text);
    report_hint(r->report, "write \"65515:100\", or \"65515:1:100\" for a large one");
    return false;
}

static bool read_communities(struct schema_reader *r, struct tree_node *n,
                             const struct schema_row *row, void *to)
{
    struct config_filter *f = to;
    (void)row;
    if (!schema_is_list(r, n))
        return false;
    f->communities = memory_new(n->count, sizeof *f->communities);
    for (struct tree_node *c = n->first; c; c = c->next)
        f->community_count += read_community(r, c, &f->communities[f->community_count]);
    return true;
}

/* ---- the filter ---- */

static bool read_prefixes(struct schema_reader *r, struct tree_node *n,
                          const struct schema_row *row, void *to)
{
    struct config_filter *f = to;
    if (!schema_is_list(r, n))
        return false;
    f->prefixes = memory_new(n->count, sizeof *f->prefixes);
    for (struct tree_node *p = n->first; p; p = p->next)
        f->prefix_count += schema_prefix(r, p, row, &f->prefixes[f->prefix_count]);
    return true;
}

static bool read_peers(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                       void *to)
{
    (void)row;
    return read_names(r, n, &((struct config_filter *)to)->peers);
}

static const struct schema_row rows[] = {
    { "prefixes", read_prefixes, .help = "only what lies inside [10.0.0.0/8, …]" },
    { "peers", read_peers, .help = "only what these [names] announce best" },
    { "communities", read_communities, .help = "only what carries one of [\"65515:100\", …]" },
    { 0 },
};

const struct schema_row *const config_filter_rows = rows;

bool config_read_filter(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                        void *to)
{
    (void)row;
    if (!schema_is_map(r, n))
        return false;
    schema_read_object(r, n, rows, to);
    return true;
}

void config_filter_copy(struct config_filter *to, const struct config_filter *from)
{
    *to = *from;
    to->prefixes = memory_new(from->prefix_count, sizeof *to->prefixes);
    to->communities = memory_new(from->community_count, sizeof *to->communities);
    for (size_t i = 0; i < from->prefix_count; i++)
        to->prefixes[i] = from->prefixes[i];
    for (size_t i = 0; i < from->community_count; i++)
        to->communities[i] = from->communities[i];
    config_peers_copy(&to->peers, &from->peers);
}

void config_filter_fini(struct config_filter *f)
{
    free(f->prefixes);
    free(f->communities);
    free(f->peers.places);
}
