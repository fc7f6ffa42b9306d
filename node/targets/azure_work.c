/* Operations of the program and the table's routes: gathered, planned, settled; and what a reading shows
 * that the program does not know. */
#include "node/targets/azure_internal.h"

#include <stdio.h>
#include <string.h>

/* Operations looked at in one turn: a table that is far too large costs many short turns, not a long one.
 * Nothing is lost by it: the best of all are the best of (the best so far and the next). */
enum { GATHER_MAX = 4096 };

static struct ip_prefix prefix_of(const struct azure_machine *m, uint32_t index)
{
    struct ip_prefix prefix;
    prefix_table_prefix(m->cfg.prefixes, index, &prefix);
    return prefix;
}

/* The longer array, with room for one more. */
static void *room_for(void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return array;
    *cap = *cap ? 2 * *cap : 64;
    void *grown = realloc(array, *cap * size);
    if (!grown)
        abort();
    return grown;
}

static void add_mine(struct azure_machine *m, uint32_t index)
{
    m->mine = room_for(m->mine, m->mine_count, &m->mine_cap, sizeof *m->mine);
    m->mine[m->mine_count++] = index;
}

static void release(struct azure_machine *m, uint32_t index)
{
    if (m->cfg.on_released && !program_holds(m->cfg.program, index))
        m->cfg.on_released(m->cfg.data, index);
}

static void drop_wishes(struct azure_machine *m)
{
    for (size_t i = 0; i < m->wish_count; i++)
        nhset_unref(m->cfg.sets, m->wishes[i].nhset);
    free(m->wishes);
    m->wishes = NULL;
    m->wish_count = 0;
    azure_plan_fini(&m->plan);
}

/* ---- gathering ---- */

static void take_operations(struct azure_machine *m, uint64_t now_ms)
{
    struct program_op op;
    while (m->op_count < GATHER_MAX && program_next(m->cfg.program, now_ms, &op)) {
        m->ops = room_for(m->ops, m->op_count, &m->op_cap, sizeof *m->ops);
        m->ops[m->op_count++] = op;
    }
}

static int compare_ops(const void *a, const void *b)
{
    uint32_t x = ((const struct program_op *)a)->prefix, y = ((const struct program_op *)b)->prefix;
    return x < y ? -1 : x > y;
}

static bool has_operation(const struct azure_machine *m, uint32_t index)
{
    const struct program_op key = { .prefix = index };
    return m->op_count && bsearch(&key, m->ops, m->op_count, sizeof key, compare_ops);
}

static void add_wish(struct azure_machine *m, uint32_t index, uint32_t nhset)
{
    struct azure_wish *w = &m->wishes[m->wish_count++];
    *w = (struct azure_wish){ .prefix = prefix_of(m, index), .index = index };
    w->nhset = azure_table_set(m->cfg.sets, &w->prefix, nhset, m->has_ecmp);
    if (m->cfg.nva_of)
        w->nva = m->cfg.nva_of(m->cfg.data, index);
}

void azure_gather(struct azure_machine *m, uint64_t now_ms)
{
    azure_give_back(m, now_ms);
    take_operations(m, now_ms);
    bool are_few = program_stats(m->cfg.program)->failed < GATHER_MAX;
    if (m->op_count && m->status.unfit && are_few) { /* there may be room, or some may have to make it */
        program_retry(m->cfg.program, now_ms);
        take_operations(m, now_ms);
    }
    if (m->op_count)
        qsort(m->ops, m->op_count, sizeof *m->ops, compare_ops);
    m->wishes = memory_new(m->mine_count + m->op_count, sizeof *m->wishes);
    for (size_t i = 0; i < m->mine_count; i++)
        if (!has_operation(m, m->mine[i]))
            add_wish(m, m->mine[i], program_actual_set(m->cfg.program, m->mine[i]));
    for (size_t i = 0; i < m->op_count; i++)
        if (m->ops[i].kind == PROGRAM_PUT)
            add_wish(m, m->ops[i].prefix, m->ops[i].nhset);
    azure_plan_make(&m->plan, m->wishes, m->wish_count, &m->table, m->limit, m->cfg.summarise);
}

/* ---- results ---- */

void azure_give_back(struct azure_machine *m, uint64_t now_ms)
{
    for (size_t i = 0; i < m->op_count; i++)
        program_abandon(m->cfg.program, &m->ops[i], now_ms);
    m->op_count = 0;
    m->is_taking = false;
    drop_wishes(m);
}

void azure_refuse(struct azure_machine *m, uint64_t now_ms)
{
    for (size_t i = 0; i < m->op_count; i++) {
        uint32_t index = m->ops[i].prefix;
        program_result(m->cfg.program, &m->ops[i], false, now_ms);
        release(m, index);
    }
    m->op_count = 0;
    azure_give_back(m, now_ms);
}

static const struct azure_wish *wish_of(const struct azure_machine *m, uint32_t index)
{
    const struct ip_prefix prefix = prefix_of(m, index);
    size_t low = 0, high = m->wish_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = azure_prefix_compare(&m->wishes[middle].prefix, &prefix);
        if (order == 0)
            return &m->wishes[middle];
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}

/* The first wish of the worst fate, for the operator; numbers, which change all the time, are sight's. */
static void tell_fates(struct azure_machine *m, uint64_t now_ms)
{
    const size_t *fates = m->plan.fates;
    enum azure_fate fate = fates[AZURE_TOO_MANY]   ? AZURE_TOO_MANY
                           : fates[AZURE_CONFLICT] ? AZURE_CONFLICT
                           : fates[AZURE_NO_HOP]   ? AZURE_NO_HOP
                                                   : AZURE_FITS;
    char text[AZURE_ERROR_MAX] = "", name[IP_PREFIX_TEXT];
    for (size_t i = 0; i < m->wish_count && fate != AZURE_FITS && !*text; i++)
        if (m->wishes[i].fate == fate)
            snprintf(text, sizeof text, "%s, first of them %s (limit %u, %zu routes of others)",
                     azure_fate_text(fate), ip_prefix_format(&m->wishes[i].prefix, name), m->limit,
                     m->table.others);
    azure_set_state(m,
                    fate == AZURE_FITS       ? AZURE_OK
                    : fate == AZURE_TOO_MANY ? AZURE_OVER_LIMIT
                                             : AZURE_PARTIAL,
                    text, now_ms);
}

/* Was there before, and has no place any more: what is programmed says so. */
static void lose_place(struct azure_machine *m, const struct azure_wish *w)
{
    if (!has_operation(m, w->index) && program_observe(m->cfg.program, w->index, 0))
        abort();
}

void azure_settle(struct azure_machine *m, uint64_t now_ms)
{
    m->mine_count = 0;
    for (size_t i = 0; i < m->wish_count; i++) {
        if (m->wishes[i].fate == AZURE_FITS)
            add_mine(m, m->wishes[i].index);
        else
            lose_place(m, &m->wishes[i]);
    }
    for (size_t i = 0; i < m->op_count; i++) {
        const struct azure_wish *w = wish_of(m, m->ops[i].prefix);
        uint32_t index = m->ops[i].prefix;
        bool ok = m->ops[i].kind == PROGRAM_DELETE || (w && w->fate == AZURE_FITS);
        program_result(m->cfg.program, &m->ops[i], ok, now_ms);
        release(m, index);
    }
    m->status.unfit = (uint32_t)m->plan.fates[AZURE_TOO_MANY];
    m->status.summarised = (uint32_t)(m->plan.fates[AZURE_FITS] - m->plan.count);
    tell_fates(m, now_ms);
    m->op_count = 0;
    m->tries[AZURE_WRITE] = 0;
    drop_wishes(m);
}

/* ---- readings ---- */

/* The route of ours that stands for a prefix: its own or, when there are summaries, one above it. */
static const struct azure_route *stands_for(const struct azure_machine *m, uint32_t index)
{
    const struct ip_prefix prefix = prefix_of(m, index);
    return m->cfg.summarise ? azure_table_covering(&m->table, &prefix)
                            : azure_table_find(&m->table, &prefix);
}

/* Compares what the program believes with what was read; marks the routes that it knows. */
static void compare_mine(struct azure_machine *m, bool *known)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->mine_count; i++) {
        uint32_t index = m->mine[i], believed = program_actual_set(m->cfg.program, index);
        const struct ip_prefix prefix = prefix_of(m, index);
        const struct azure_route *r = stands_for(m, index);
        uint32_t wanted = azure_table_set(m->cfg.sets, &prefix, believed, m->has_ecmp);
        uint32_t seen = r ? r->nhset : 0;
        if (seen != wanted && r && r->prefix.len != prefix.len)
            seen = 0; /* what covers it now is no summary of it */
        else if (r)
            known[r - m->table.routes] = true;
        if (seen != wanted && program_observe(m->cfg.program, index, seen))
            abort();
        nhset_unref(m->cfg.sets, wanted);
        if (program_actual_set(m->cfg.program, index))
            m->mine[kept++] = index;
        else
            release(m, index);
    }
    m->mine_count = kept;
}

static void learn_route(struct azure_machine *m, const struct azure_route *r)
{
    uint32_t index = prefix_table_get(m->cfg.prefixes, &r->prefix);
    if (!index)
        abort();
    int error = m->status.was_read ? program_observe(m->cfg.program, index, r->nhset)
                                   : program_inherit(m->cfg.program, index, r->nhset);
    if (error)
        abort();
    add_mine(m, index);
    if (m->cfg.on_unknown)
        m->cfg.on_unknown(m->cfg.data, index);
}

void azure_observe(struct azure_machine *m)
{
    bool *known = memory_new(m->table.count, sizeof *known);
    compare_mine(m, known);
    for (size_t i = 0; i < m->table.count; i++)
        if (!known[i] && m->table.routes[i].nhset)
            learn_route(m, &m->table.routes[i]);
    free(known);
    m->status.was_read = true;
}
