/* Keys and the secret are exchanged for others while everything else goes wrong, as an operator does it, who
 * takes a step at every node before the next one: the new ones are known, used, and the old ones forgotten.
 * A node that is down finds the files of that step when it starts. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

enum { IDLE, KNOWN, USED, FORGOTTEN, ROTATE_EVERY = 12 };

static bool has_done(const struct sim_rotation *r, const struct host *h)
{
    return r->done & 1u << h->number;
}

void sim_keys(const struct world *w, const struct host *h, struct core_keys *out)
{
    const struct sim_rotation *r = &w->rotation;
    bool is_known = r->step > KNOWN || (r->step == KNOWN && has_done(r, h));
    bool is_forgotten = r->step == FORGOTTEN && has_done(r, h);
    bool is_used = r->step > USED || (r->step == USED && has_done(r, h));
    *out = (struct core_keys){ .identity = w->identities[h->number],
                               .secrets = { is_forgotten ? r->secret : w->secrets, r->secret },
                               .secret_count = is_known && !is_forgotten ? 2 : 1 };
    if (is_used && h->number == r->node)
        out->identity = r->identity;
}

static void make_new(struct world *w)
{
    struct sim_rotation *r = &w->rotation;
    char text[REPL_KEY_TEXT];
    r->node = (int)(w->order % (unsigned)w->host_count);
    repl_secret_new(text);
    if (repl_secret_parse(text, &r->secret))
        abort();
    repl_identity_new(text);
    if (repl_identity_parse(text, &r->identity))
        abort();
}

static void name_key(const struct sim_rotation *r, struct config *c)
{
    struct config_node *n = &c->nodes[r->node];
    n->has_next_public_key = r->step == KNOWN || r->step == USED;
    memcpy(r->step == FORGOTTEN ? n->public_key : n->next_public_key, r->identity.public_key, REPL_KEY);
}

/* The file that all share is another one in this step. */
static void begin_step(struct world *w)
{
    struct sim_rotation *r = &w->rotation;
    r->done = r->step == USED ? ~(1u << r->node) : 0; /* only that node has a file to change */
    name_key(r, &w->config);
    name_key(r, &w->newer);
    sim_note(w, "keys of node %d and the secret: step %d", r->node, r->step);
}

static void end_step(struct world *w)
{
    struct sim_rotation *r = &w->rotation;
    if (r->step < FORGOTTEN) {
        r->step++;
        begin_step(w);
        return;
    }
    w->secrets = r->secret;
    w->identities[r->node] = r->identity;
    r->step = IDLE;
    w->counts[SIM_ROTATIONS]++;
}

void sim_rotated(struct world *w, const struct host *h)
{
    w->rotation.done |= 1u << h->number;
}

static void take(struct world *w, struct host *h)
{
    struct core_keys keys;
    sim_rotated(w, h);
    sim_keys(w, h, &keys);
    h->sight.is_fresh = false;
    memcpy(h->config.nodes, w->config.nodes, sizeof h->config.nodes);
    if (h->core && !h->wrong_secret)
        core_set_keys(h->core, &keys, w->now);
}

void sim_end_rotation(struct world *w)
{
    while (w->rotation.step != IDLE) {
        for (int i = 0; i < w->host_count; i++)
            if (!has_done(&w->rotation, &w->hosts[i]))
                take(w, &w->hosts[i]);
        end_step(w);
    }
}

/* The next thing an operator does, if it is time. */
void sim_rotate(struct world *w)
{
    struct sim_rotation *r = &w->rotation;
    if (w->seed % 3 || ++r->acts % ROTATE_EVERY)
        return;
    if (r->step == IDLE) {
        make_new(w);
        r->step = KNOWN;
        begin_step(w);
    }
    for (int i = 0; i < w->host_count; i++) {
        struct host *h = &w->hosts[i];
        if (has_done(r, h) || (h->core && !host_runs(w, h)))
            continue;
        take(w, h);
        r->acts--; /* the next node soon */
        return;
    }
    for (int i = 0; i < w->host_count; i++)
        if (!has_done(r, &w->hosts[i]))
            return; /* it stands still */
    end_step(w);
}
