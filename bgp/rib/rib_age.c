#include "bgp/rib/rib_impl.h"

#include <string.h>

/* ---- marks ---- */

/* The one in whose absence ages are least wrong, as a part of themselves: never the first or the last. */
static uint32_t least_missed(const struct rib_age_marks *m, uint64_t now_ms)
{
    uint32_t least = 1;
    double least_error = -1;
    for (uint32_t i = 1; i + 1 < m->count; i++) {
        double gap = (double)(m->marks[i + 1].at_ms - m->marks[i - 1].at_ms);
        double error = gap / (double)(now_ms - m->marks[i].at_ms + RIB_AGE_GAP_MS);
        if (least_error < 0 || error < least_error) {
            least = i;
            least_error = error;
        }
    }
    return least;
}

static void drop_mark(struct rib_age_marks *m, uint32_t i)
{
    m->count--;
    memmove(&m->marks[i], &m->marks[i + 1], (m->count - i) * sizeof *m->marks);
}

/* Up to this version all is of this moment, if it is not of an earlier one. */
static void mark(struct rib_age_marks *m, uint64_t version, uint64_t now_ms)
{
    if (!m->marks)
        m->marks = malloc(RIB_AGE_MARKS * sizeof *m->marks);
    struct rib_age_mark *last = m->count ? &m->marks[m->count - 1] : NULL;
    if (!m->marks || (last && last->version >= version))
        return;
    if (last && now_ms < last->at_ms + RIB_AGE_GAP_MS) {
        last->version = version;
        return;
    }
    if (m->count == RIB_AGE_MARKS)
        drop_mark(m, least_missed(m, now_ms));
    m->marks[m->count++] = (struct rib_age_mark){ .version = version, .at_ms = now_ms };
}

void rib_age_tick(struct rib *r, uint64_t now_ms)
{
    r->age_ms = now_ms;
    for (int o = 0; o < RIB_ORIGINS; o++)
        if (r->origins[o].order.live)
            mark(&r->origins[o].ages, vlist_settled(&r->origins[o].order), now_ms);
}

/* The first mark that this version is not newer than; without one it is of this turn. */
static uint64_t when(const struct rib *r, const struct rib_age_marks *m, uint64_t version)
{
    uint32_t low = 0, high = m->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (m->marks[middle].version < version)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->count ? m->marks[low].at_ms : r->age_ms;
}

/* ---- paths that moved ---- */

static int slab_of(uint32_t path)
{
    return path & RIB_WITH_ID ? 1 : 0;
}

uint64_t rib_age_since(const struct rib *r, uint32_t path)
{
    const struct rib_age_kept *k = &r->moved[slab_of(path)];
    const struct rib_path *p = rib_path(r, path);
    uint32_t i = path & ~RIB_WITH_ID;
    if (i < k->room && k->seconds[i])
        return (uint64_t)(k->seconds[i] - 1) * 1000;
    return when(r, &r->origins[p->origin].ages, rib_path_version(r, p));
}

/* Room for every path that its slab has handed out so far. */
static bool make_room(struct rib_age_kept *k, const struct slab *s)
{
    uint32_t *wider = realloc(k->seconds, s->top * sizeof *wider);
    if (!wider)
        return false;
    memset(wider + k->room, 0, (s->top - k->room) * sizeof *wider);
    *k = (struct rib_age_kept){ .seconds = wider, .room = s->top };
    return true;
}

void rib_age_keep(struct rib *r, uint32_t path)
{
    struct rib_age_kept *k = &r->moved[slab_of(path)];
    uint32_t i = path & ~RIB_WITH_ID;
    if (!rib_path(r, path)->attrs || (i < k->room && k->seconds[i]))
        return;
    uint64_t since_ms = rib_age_since(r, path);
    if (i < k->room || make_room(k, path & RIB_WITH_ID ? &r->paths_with_id : &r->paths))
        k->seconds[i] = (uint32_t)(since_ms / 1000) + 1;
}

size_t rib_age_memory(const struct rib *r)
{
    size_t bytes = 0;
    for (int i = 0; i < RIB_AGE_SLABS; i++)
        bytes += r->moved[i].room * sizeof *r->moved[i].seconds;
    for (int o = 0; o < RIB_ORIGINS; o++)
        bytes += r->origins[o].ages.marks ? RIB_AGE_MARKS * sizeof(struct rib_age_mark) : 0;
    return bytes;
}

void rib_age_fini(struct rib *r)
{
    for (int i = 0; i < RIB_AGE_SLABS; i++)
        free(r->moved[i].seconds);
    for (int o = 0; o < RIB_ORIGINS; o++)
        free(r->origins[o].ages.marks);
}
