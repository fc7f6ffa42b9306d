/* Targets over a reload: by name. One whose keys are the same goes on; another choice of routes is no
 * reason to begin anew. All others begin or end, and what stands in a table stays there: nobody asked for
 * routes to be removed, and whoever does is told how. */
#include <string.h>

#include "node/config/change_impl.h"

#define TARGET(member)                                                                             \
    { "", offsetof(struct config_target, member), sizeof((struct config_target *)0)->member, CHANGE_BYTES, 0 }
#define TARGET_TEXT(member) { "", offsetof(struct config_target, member), sizeof(char *), CHANGE_TEXT, 0 }

/* Where its routes stand. */
static const struct change_field place_fields[] = {
    TARGET(type),
    TARGET(table),
    TARGET(metric),
    TARGET(protocol),
    TARGET_TEXT(etcd.prefix),
    TARGET_TEXT(azure.resource_id),
};

/* How it is reached, and what it does there. */
static const struct change_field work_fields[] = {
    TARGET(nodes),
    TARGET(resilient_groups),
    TARGET(gate.is_on),
    TARGET(gate.probe),
    TARGET(gate.port),
    TARGET(gate.path),
    TARGET(gate.interval_ms),
    TARGET(gate.timeout_ms),
    TARGET(gate.fall),
    TARGET(gate.rise),
    TARGET(etcd.endpoint_count),
    TARGET_TEXT(etcd.user_file),
    TARGET_TEXT(etcd.password_file),
    TARGET_TEXT(etcd.ca_file),
    TARGET_TEXT(etcd.cert_file),
    TARGET_TEXT(etcd.key_file),
    TARGET_TEXT(azure.endpoint),
    TARGET_TEXT(azure.identity_endpoint),
    TARGET_TEXT(azure.ca_file),
    TARGET(azure.client_id),
    TARGET_TEXT(azure.principal_file),
    TARGET(azure.api_version),
    TARGET(azure.max_routes),
    TARGET(azure.summarise),
    TARGET(azure.read_ms),
    TARGET(azure.timeout_ms),
};

static bool are_same(const struct change_field *fields, size_t count, const struct config_target *a,
                     const struct config_target *b)
{
    for (size_t i = 0; i < count; i++)
        if (!change_is_same(&fields[i], a, b))
            return false;
    return true;
}

static bool is_same_place(const struct config_target *a, const struct config_target *b)
{
    return are_same(place_fields, sizeof place_fields / sizeof *place_fields, a, b);
}

static bool is_same_target(const struct config_target *a, const struct config_target *b)
{
    if (!is_same_place(a, b) || !are_same(work_fields, sizeof work_fields / sizeof *work_fields, a, b))
        return false;
    for (size_t i = 0; i < a->etcd.endpoint_count; i++)
        if (strcmp(a->etcd.endpoints[i], b->etcd.endpoints[i]) != 0)
            return false;
    return true;
}

static size_t find(const struct config *c, const char *name)
{
    size_t i = 0;
    while (i < c->target_count && strcmp(c->targets[i]->name, name) != 0)
        i++;
    return i;
}

/* ---- another choice of routes ---- */

/* By name: peers may have other places in the two. */
static bool is_same_list(const struct config *a, const struct config_peer_list *x, const struct config *b,
                         const struct config_peer_list *y)
{
    bool same = x->all == y->all && x->count == y->count;
    for (size_t i = 0; same && i < x->count; i++)
        same = !strcmp(a->peers[x->places[i]].name, b->peers[y->places[i]].name);
    return same;
}

static bool is_same_filter(const struct config_filter *f, const struct config_filter *g)
{
    bool same = f->prefix_count == g->prefix_count && f->community_count == g->community_count;
    for (size_t i = 0; same && i < f->prefix_count; i++)
        same = ip_prefix_is_equal(&f->prefixes[i], &g->prefixes[i]);
    for (size_t i = 0; same && i < f->community_count; i++)
        same = f->communities[i].is_large == g->communities[i].is_large &&
               !memcmp(f->communities[i].parts, g->communities[i].parts, sizeof f->communities[i].parts);
    return same;
}

static bool is_same_choice(const struct config *a, const struct config_target *x, const struct config *b,
                           const struct config_target *y)
{
    return x->allow_own_space == y->allow_own_space && x->default_route == y->default_route &&
           is_same_filter(&x->filter, &y->filter) && is_same_list(a, &x->filter.peers, b, &y->filter.peers) &&
           is_same_list(a, &x->blackhole, b, &y->blackhole);
}

bool config_chooses_alike(const struct config *a, const struct config *b)
{
    bool alike = a->target_count == b->target_count;
    for (size_t i = 0; alike && i < a->target_count; i++) {
        size_t k = find(b, a->targets[i]->name);
        alike = k < b->target_count && is_same_target(a->targets[i], b->targets[k]) &&
                is_same_choice(a, a->targets[i], b, b->targets[k]);
    }
    return alike;
}

static void swap_choice(struct config_target *a, struct config_target *b)
{
    change_swap(&a->filter, &b->filter, sizeof a->filter);
    change_swap(&a->blackhole, &b->blackhole, sizeof a->blackhole);
    change_swap(&a->allow_own_space, &b->allow_own_space, sizeof a->allow_own_space);
    change_swap(&a->default_route, &b->default_route, sizeof a->default_route);
}

void config_keep_targets(struct config *is, struct config *was)
{
    for (size_t i = 0; i < is->target_count; i++) {
        size_t k = find(was, is->targets[i]->name);
        if (k == was->target_count || !is_same_target(is->targets[i], was->targets[k]))
            continue;
        change_swap(&is->targets[i], &was->targets[k], sizeof *is->targets);
        swap_choice(is->targets[i], was->targets[k]);
    }
}

/* ---- words ---- */

/* What a user does who wants the routes gone as well. */
static void tell_remains(const struct config_target *t, FILE *out)
{
    if (t->type == CONFIG_TARGET_NETLINK)
        fprintf(out, "; its routes stay in table %u until: ip nexthop flush proto %u\n", t->table, t->protocol);
    else if (t->type == CONFIG_TARGET_ETCD)
        fprintf(out, "; its keys stay until: etcdctl del --prefix %s/\n", t->etcd.prefix);
    else if (t->type == CONFIG_TARGET_AZURE)
        fprintf(out, "; its routes (tandem-*) stay in %s\n", t->azure.resource_id);
    else
        fputs("; agents are served what the networks accept\n", out);
}

static size_t tell_target(const struct config *is, const struct config_target *t, const struct config *next,
                          const struct config_target *n, FILE *out)
{
    if (is_same_target(t, n)) {
        if (is_same_choice(is, t, next, n))
            return 0;
        fprintf(out, "target %s: another choice of routes\n", n->name);
        return 1;
    }
    if (is_same_place(t, n)) {
        fprintf(out, "target %s: changed; it begins anew, no route is removed for it\n", n->name);
        return 1;
    }
    fprintf(out, "target %s: another place", n->name);
    tell_remains(t, out);
    return 1;
}

size_t config_tell_targets(const struct config *is, const struct config *next, FILE *out)
{
    size_t count = 0;
    for (size_t i = 0; i < is->target_count; i++) {
        const struct config_target *t = is->targets[i];
        size_t k = find(next, t->name);
        if (k < next->target_count) {
            count += tell_target(is, t, next, next->targets[k], out);
            continue;
        }
        fprintf(out, "target %s: removed", t->name);
        tell_remains(t, out);
        count++;
    }
    for (size_t k = 0; k < next->target_count; k++)
        if (find(is, next->targets[k]->name) == is->target_count) {
            fprintf(out, "target %s: added\n", next->targets[k]->name);
            count++;
        }
    return count;
}
