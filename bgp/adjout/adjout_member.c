/* One member: what it reads of its group's log, or finds on a walk of its own. */
#include <stdlib.h>
#include <string.h>

#include "bgp/adjout/adjout_log.h"
#include "bgp/codec/msg.h"

/* ---- the log ---- */

static bool is_mine(const struct adjout_member *m, const struct adjout_word *w)
{
    if (w->only && w->only != m->nva)
        return false;
    if (w->only_as && w->only_as != m->asn)
        return false;
    if ((w->except && w->except == m->nva) || (w->except_hop && w->except_hop == m->nva))
        return false;
    return !w->except_as || !adjout_as_list_has(m->group, w->except_as, m->asn);
}

static size_t copy_from_log(struct adjout_member *m, uint8_t *buf, size_t cap)
{
    struct adjout_record r;
    const uint8_t *bytes;
    size_t n = 0;
    while ((bytes = adjout_log_read(&m->group->log, &m->offset, &r))) {
        bool mine = is_mine(m, &r.word);
        if (mine && r.len > cap - n)
            return n;
        m->offset = adjout_log_after(m->offset, &r);
        if (!mine)
            continue;
        memcpy(buf + n, bytes, r.len);
        n += r.len;
        m->stats.messages++;
        m->stats.announced += r.announced;
        m->stats.withdrawn += r.withdrawn;
    }
    m->is_tied = false;
    return n;
}

void adjout_lose(struct adjout_member *m)
{
    if (m->is_lost)
        return;
    m->is_lost = true;
    m->group->adjout->lost++;
}

/* A member that holds up the others goes on alone from where it stands. Of what is untold there it was told nothing as
 * long as it catches up, unless it has still to read what corrects a net that it has passed. */
void adjout_detach(struct adjout_member *m)
{
    struct adjout_record r;
    uint64_t offset = m->offset;
    if (!m->catches_up || m->group->has_corrected)
        m->untold = 0;
    m->attached = m->catches_up = false;
    m->position = adjout_log_read(&m->group->log, &offset, &r) ? r.version : m->group->position;
    if (m->is_tied)
        adjout_lose(m);
}

/* Before that a net may stand behind the group's position that it has told, and finds unchanged when
 * it comes to it again: nothing would be said, and a member that attached meanwhile would miss it. */
static bool has_told_all(const struct adjout_group *g)
{
    return g->position == vlist_head(&g->adjout->rib->loc);
}

void adjout_begin_together(struct adjout_member *m)
{
    struct adjout_group *g = m->group;
    m->untold = m->is_new ? vlist_head(&g->adjout->rib->loc) : 0;
    m->is_new = false;
    m->attached = m->catches_up = true;
    m->offset = g->log.head;
}

/* ---- the walk ---- */

/* A private batch may wait for room while the RIB goes on: it holds references on what it names. */
void adjout_walk_end(struct adjout_member *m)
{
    for (uint32_t i = 0; m->batch && i < m->batch->bucket_count; i++)
        bgp_attrs_unref(&m->group->adjout->rib->attrs, m->batch->buckets[i].word.attrs);
    if (m->batch)
        adjout_batch_clear(m->batch, m->position);
}

static void add(struct adjout_member *m, uint32_t net, uint32_t path_id, uint32_t attrs)
{
    uint32_t buckets = m->batch->bucket_count;
    adjout_batch_add(m->batch, net, path_id, &(struct adjout_word){ .attrs = attrs });
    if (m->batch->bucket_count != buckets)
        bgp_attrs_ref(&m->group->adjout->rib->attrs, attrs);
}

/* Its own paths it was not told, unless the id was that of another's path once; those that lead to it may have
 * led elsewhere before. */
static void add_paths(struct adjout_member *m, uint32_t net, uint64_t at)
{
    const struct adjout_group *g = m->group;
    bool is_untold = at <= m->untold;
    for (uint32_t i = adjout_first_route(g, prefix_index_place(net)); i;) {
        const struct adjout_route *route = adjout_route_at(g, i);
        bool is_own = route->nva == m->nva, withdraws = !route->attrs || is_own || route->hop == m->nva;
        i = route->next;
        uint32_t attrs = withdraws ? 0 : route->attrs;
        if ((is_own && !route->was_another) || (withdraws && is_untold))
            continue;
        if (at <= m->alike && adjout_is_alike_path(m, prefix_index_place(net), route->path_id, attrs))
            continue;
        add(m, net, route->path_id, attrs);
    }
}

/* at: its version. */
static void add_net(struct adjout_member *m, uint32_t net, uint64_t at)
{
    uint32_t place = prefix_index_place(net);
    if (m->group->has_paths ? adjout_is_misled_by_paths(m, place) : adjout_is_misled(m, place))
        adjout_compare_again(m->group, net, m->nva);
    if (m->group->has_paths) {
        add_paths(m, net, at);
        return;
    }
    uint32_t attrs = adjout_told_one(m, place);
    if (at <= m->alike && adjout_is_alike(m, place, attrs))
        return;
    if (attrs || at > m->untold)
        add(m, net, 0, attrs);
}

/* The next stretch of a private walk: what the group has told, never past its own position. */
static void walk(struct adjout_member *m, unsigned *steps)
{
    struct adjout_group *g = m->group;
    adjout_walk_end(m);
    if (m->is_new)
        m->untold = vlist_head(&g->adjout->rib->loc);
    m->is_new = false;
    uint64_t at = m->position;
    for (uint32_t net; m->batch->count < ADJOUT_BATCH && *steps; --*steps) {
        net = vlist_next(&g->adjout->rib->loc, &at);
        if (!net || at > g->position) {
            m->position = g->position;
            return;
        }
        m->position = at;
        if (prefix_index_family(net) == g->rules.family)
            add_net(m, net, at);
    }
}

static void attach(struct adjout_member *m)
{
    adjout_walk_end(m);
    adjout_move_end(m);
    m->attached = true;
    m->is_new = false;
    m->offset = m->group->log.head;
    free(m->batch);
    m->batch = NULL;
}

static size_t encode(struct adjout_member *m, uint8_t *buf, unsigned *steps)
{
    struct adjout_message msg = adjout_encode(m->group, m->batch, buf);
    unsigned told = msg.announced + msg.withdrawn;
    *steps -= told < *steps ? told : *steps;
    m->stats.messages += msg.len != 0;
    m->stats.announced += msg.announced;
    m->stats.withdrawn += msg.withdrawn;
    return msg.len;
}

static size_t copy_from_walk(struct adjout_member *m, uint8_t *buf, size_t cap, unsigned *steps)
{
    size_t n = 0;
    if (!m->batch)
        m->batch = calloc(1, sizeof *m->batch);
    if (!m->batch)
        return 0; /* later, when there is memory */
    while (*steps && cap - n >= m->group->rules.codec.max_message) {
        size_t len = encode(m, buf + n, steps);
        n += len;
        if (len)
            continue;
        if (m->position < m->group->position) {
            walk(m, steps);
            continue;
        }
        if (m->position >= m->group->position && has_told_all(m->group))
            attach(m);
        break;
    }
    return n;
}

/* ---- what a member asks for ---- */

/* A message that tells where a catch-up begins or ends: at most 32 bytes. */
static size_t put_mark(struct adjout_member *m, bool *wanted, uint8_t *buf, size_t cap)
{
    enum { MARK_MAX = 32 };
    enum bgp_family family = m->group->rules.family;
    bool is_begin = wanted == &m->wants_begin;
    if (!*wanted || cap < MARK_MAX)
        return 0;
    *wanted = false;
    m->stats.messages += !m->is_refresh;
    return m->is_refresh ? bgp_refresh_write(buf, family, is_begin ? 1 : 2)
                         : bgp_update_end_of_rib(buf, family);
}

size_t adjout_pull(struct adjout_member *m, uint8_t *buf, size_t cap, unsigned *steps)
{
    if (m->is_lost || m->is_waiting)
        return 0;
    size_t n = put_mark(m, &m->wants_begin, buf, cap);
    if (m->wants_begin)
        return 0;
    if (!m->attached)
        n += copy_from_walk(m, buf + n, cap - n, steps);
    if (!m->attached)
        return n;
    if (m->catches_up) {
        n += copy_from_log(m, buf + n, cap - n);
        m->catches_up = m->offset < m->group->log.head || !has_told_all(m->group);
    }
    if (m->catches_up)
        return n;
    n += put_mark(m, &m->wants_end, buf + n, cap - n);
    if (!m->wants_end)
        n += copy_from_log(m, buf + n, cap - n);
    return n;
}

bool adjout_has_output(const struct adjout_member *m)
{
    bool has_all = m->attached && !m->catches_up && !m->wants_end && m->offset == m->group->log.head;
    return !m->is_lost && !m->is_waiting && !has_all;
}

/* Marks only between two whole catch-ups: RFC 7313 section 4 forbids a Begin before End-of-RIB, and a
 * request that comes while one is told is answered by starting over. */
void adjout_refresh(struct adjout_member *m)
{
    bool is_marked = m->marks_refresh && !m->wants_end;
    adjout_walk_end(m);
    m->alike = 0; /* all of it is asked for */
    if (m->is_tied)
        adjout_lose(m);
    m->attached = m->catches_up = false;
    m->untold = 0;
    m->position = 0;
    if (is_marked)
        m->wants_begin = m->wants_end = m->is_refresh = true;
}

/* ---- who is slow ---- */

/* What a member has not read yet stands for nets that must not be forgotten: by the indices of its
 * batch, and because it may have to walk over them again. */
uint64_t adjout_has_read(const struct adjout_member *m)
{
    struct adjout_record r;
    uint64_t offset = m->offset;
    if (m->is_lost)
        return UINT64_MAX;
    if (m->attached)
        return adjout_log_read(&m->group->log, &offset, &r) ? r.version : UINT64_MAX;
    return m->batch && !adjout_batch_is_done(m->batch) ? m->batch->version : m->position;
}

uint64_t adjout_slowest_of(const struct adjout_group *g)
{
    uint64_t slowest = UINT64_MAX;
    for (const struct list *at = g->members.next; at != &g->members; at = at->next) {
        uint64_t version = adjout_has_read(
            (const struct adjout_member *)((const char *)at - offsetof(struct adjout_member, all)));
        slowest = version < slowest ? version : slowest;
    }
    return slowest;
}

void adjout_lose_slowest(struct adjout_group *g)
{
    uint64_t slowest = adjout_slowest_of(g);
    LIST_EACH(node, &g->members)
    {
        struct adjout_member *m = LIST_OF(node, struct adjout_member, all);
        if (slowest < g->position && adjout_has_read(m) == slowest)
            adjout_lose(m);
    }
}

/* Up to there it has been told what the group had told: no more, and no less. */
void adjout_walk_again(struct adjout_group *g, uint64_t version)
{
    LIST_EACH(node, &g->members)
    {
        struct adjout_member *m = LIST_OF(node, struct adjout_member, all);
        if (m->attached || m->position <= version)
            continue;
        m->position = version;
        m->untold = m->untold < version ? m->untold : version;
        m->alike = m->alike < version ? m->alike : version;
    }
}

void adjout_tie_readers(struct adjout_group *g)
{
    LIST_EACH(node, &g->members)
    {
        struct adjout_member *m = LIST_OF(node, struct adjout_member, all);
        if (m->attached)
            m->is_tied = true;
        else
            adjout_lose(m);
    }
}

uint32_t adjout_lost(const struct adjout *a)
{
    return a->lost;
}

bool adjout_is_lost(const struct adjout_member *m)
{
    return m->is_lost;
}
