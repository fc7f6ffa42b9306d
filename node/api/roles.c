/* Who leads. Every node peers, decides and programs its own tables: nobody leads there, and no death is waited
 * for. What several share has one writer at a time, by the fence that stands in it; so a node leads while it
 * writes a shared target. With several of those there may be several; the first one's writer is named. */
#include <string.h>

#include "node/api/sight.h"

/* The nth target's owner; NULL: it is not shared, or nobody writes it yet. */
static const char *owner_of(const struct api_view *v, size_t nth, bool *is_shared)
{
    struct core_target_view t;
    core_target_view(v->core, nth, &t);
    *is_shared = t.fence != NULL;
    return t.fence && t.fence->record.owner ? t.owner : NULL;
}

const char *sight_leader(const struct api_view *v)
{
    bool is_shared;
    for (size_t i = 0; i < core_target_count(v->core); i++) {
        const char *owner = owner_of(v, i, &is_shared);
        if (owner)
            return owner;
    }
    return NULL;
}

uint64_t sight_epoch(const struct api_view *v)
{
    uint64_t epoch = 0;
    for (size_t i = 0; i < core_target_count(v->core); i++) {
        struct core_target_view t;
        core_target_view(v->core, i, &t);
        if (t.fence && t.fence->record.epoch > epoch)
            epoch = t.fence->record.epoch;
    }
    return epoch;
}

const char *sight_role(const struct api_view *v, const char *node)
{
    bool shares = false, is_shared;
    for (size_t i = 0; i < core_target_count(v->core); i++) {
        const char *owner = owner_of(v, i, &is_shared);
        shares |= is_shared;
        if (owner && !strcmp(owner, node))
            return "leader";
    }
    return shares ? "follower" : "active";
}
