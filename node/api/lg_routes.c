/* Lists of paths, and birdwatcher's: /lg/birdwatcher/routes/… */
#include <stdlib.h>
#include <string.h>

#include "node/api/lg.h"
#include "node/api/params.h"
#include "node/api/pieces.h"
#include "node/api/sight.h"
#include "node/api/walk.h"
#include "node/base/memory.h"

typedef bool lg_wants(const struct api_view *v, const struct lg_ask *ask, uint32_t path);

struct lg_routes {
    struct pieces pieces;
    struct lg_ask ask;
    const char *between; /* what stands before the next item */
};

/* ---- which ---- */

static bool is_heard_here(const struct api_view *v, const struct lg_ask *ask, const struct rib_path *p)
{
    return p->origin == v->self && p->nva && (ask->nva < 0 || p->nva == ask->nva);
}

bool lg_wants_accepted(const struct api_view *v, const struct lg_ask *ask, uint32_t path)
{
    const struct rib_path *p = rib_path(ask->walk.rib, path);
    return is_heard_here(v, ask, p) && rib_path_verdict(p) == POLICY_ACCEPTED;
}

static bool wants_filtered(const struct api_view *v, const struct lg_ask *ask, uint32_t path)
{
    const struct rib_path *p = rib_path(ask->walk.rib, path);
    return is_heard_here(v, ask, p) && rib_path_verdict(p) != POLICY_ACCEPTED;
}

/* The best one is somebody else's, and this NVA is told nothing of the prefix. */
static bool wants_not_exported(const struct api_view *v, const struct lg_ask *ask, uint32_t path)
{
    const struct rib_path *p = rib_path(ask->walk.rib, path);
    uint32_t net = rib_path_net(ask->walk.rib, p);
    struct adjout_sent sent[ADJOUT_PATHS];
    return p->nva && p->nva != ask->nva && rib_best(rib_net(ask->walk.rib, net)) == path &&
           !core_told(v->core, (size_t)ask->nva - 1, net, sent);
}

/* ---- how ---- */

static void add_item(struct lg_routes *l, FILE *to, json_t *take_item)
{
    fputs(l->between, to);
    l->between = ",\n";
    json_dumpf(take_item, to, JSON_COMPACT);
    json_decref(take_item);
}

static void add_net(struct lg_routes *l, const struct api_view *v, uint32_t net, FILE *to)
{
    const struct rib *r = l->ask.walk.rib;
    for (uint32_t i = rib_net(r, net)->paths; i; i = rib_path_next(rib_path(r, i)))
        if (rib_path(r, i)->attrs && rib_path_class(r, rib_path(r, i)) != RIB_GONE && l->ask.wants(v, &l->ask, i))
            add_item(l, to, l->ask.show(v, i));
}

static void make(struct pieces *p, const struct api_view *v, unsigned *looks, FILE *to)
{
    struct lg_routes *l = (struct lg_routes *)p;
    uint32_t net = walk_next(&l->ask.walk, looks);
    p->is_over = !net && walk_is_done(&l->ask.walk);
    if (net)
        add_net(l, v, net, to);
    else
        fputs(p->is_over ? "]}\n" : "\n", to);
}

/* The envelope with its last brace open, and the list begun. */
static char *head(json_t *take_envelope, const char *name, size_t *len)
{
    char *text;
    FILE *to = open_memstream(&text, len);
    if (!to)
        abort();
    fputc('{', to);
    if (take_envelope)
        json_dumpf(take_envelope, to, JSON_COMPACT | JSON_EMBED);
    fprintf(to, "%s\"%s\":[\n", take_envelope ? "," : "", name);
    json_decref(take_envelope);
    fclose(to);
    return text;
}

void lg_reply(const struct lg_ask *ask, json_t *take_envelope, const char *name, struct api_reply *out)
{
    struct lg_routes *l = memory_new(1, sizeof *l);
    *l = (struct lg_routes){ .pieces = { .make = make }, .ask = *ask, .between = "" };
    l->pieces.text = head(take_envelope, name, &l->pieces.len);
    pieces_reply(&l->pieces, "application/json", out);
}

static void reply_routes(const struct api_view *v, const struct walk *walk, int nva, lg_wants *wants, struct api_reply *out)
{
    struct lg_ask ask = { .walk = *walk, .nva = nva, .wants = wants, .show = lg_route };
    lg_reply(&ask, lg_envelope(v), "routes", out);
}

static void reply_all(const struct api_view *v, int nva, lg_wants *wants, struct api_reply *out)
{
    reply_routes(v, &(struct walk){ .rib = core_rib(v->core), .match = WALK_ALL }, nva, wants, out);
}

static void reply_of_peer(const struct api_view *v, const struct api_request *q, lg_wants *wants, struct api_reply *out)
{
    int nva;
    if (sight_find_peer(v, q, &nva, out))
        reply_all(v, nva, wants, out);
}

/* ---- the answers ---- */

void api_lg_received(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    reply_of_peer(v, q, lg_wants_accepted, out);
}

void api_lg_filtered(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    reply_of_peer(v, q, wants_filtered, out);
}

void api_lg_not_exported(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    reply_of_peer(v, q, wants_not_exported, out);
}

/* There is one table, whatever Alice's main_table calls it. */
void api_lg_table(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)q;
    reply_all(v, -1, lg_wants_accepted, out);
}

void api_lg_table_filtered(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)q;
    reply_all(v, -1, wants_filtered, out);
}

void api_lg_prefix(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    struct walk walk = { .rib = core_rib(v->core), .match = WALK_LPM };
    if (api_prefix(q, &walk.prefix, out))
        reply_routes(v, &walk, -1, lg_wants_accepted, out);
}
