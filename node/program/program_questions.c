/* What is known of a prefix, and changes nothing. */
#include "node/program/program_impl.h"

bool program_holds(const struct program *p, uint32_t prefix)
{
    const struct entry *e = program_entry(p, prefix);
    return e && (e->wanted || e->actual || (e->flags & IN_FLIGHT));
}

bool program_is_unwanted(const struct program *p, uint32_t prefix)
{
    const struct entry *e = program_entry(p, prefix);
    return e && !e->wanted && e->actual;
}

bool program_is_withdrawn(const struct program *p, uint32_t prefix)
{
    return program_is_unwanted(p, prefix) && program_entry(p, prefix)->flags & WITHDRAWN;
}

bool program_is_hearsay(const struct program *p, uint32_t prefix)
{
    const struct entry *e = program_entry(p, prefix);
    return e && e->flags & HEARSAY;
}

enum program_wait program_waits(const struct program *p, uint32_t prefix)
{
    const struct entry *e = program_entry(p, prefix);
    if (!e || e->wanted == e->actual)
        return PROGRAM_SETTLED;
    if (e->flags & FAILED)
        return PROGRAM_FAILING;
    if (program_is_merging(p, prefix))
        return PROGRAM_MERGING;
    if (e->list == MERGE)
        return PROGRAM_HEARSAY;
    if (e->list != LOST)
        return PROGRAM_PENDING;
    return p->is_awaited ? PROGRAM_AWAITING : p->stats.brake_on ? PROGRAM_BRAKED : PROGRAM_PENDING;
}

uint32_t program_inherited_set(const struct program *p, uint32_t prefix)
{
    return program_kept(p, prefix) ? program_kept(p, prefix) : program_actual_set(p, prefix);
}

uint32_t program_wanted_set(const struct program *p, uint32_t prefix)
{
    const struct entry *e = program_entry(p, prefix);
    return e ? e->wanted : 0;
}

uint32_t program_actual_set(const struct program *p, uint32_t prefix)
{
    const struct entry *e = program_entry(p, prefix);
    return e ? e->actual : 0;
}

const struct program_stats *program_stats(const struct program *p)
{
    return &p->stats;
}
