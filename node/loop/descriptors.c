#include "node/loop/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

enum {
    LEAST = 256,
    OWN = 64,       /* listeners, targets, files, and what libraries open */
    READERS_OF = 4, /* one in so many is for readers of the API */
    COLLISION = 2,  /* two neighbours may have dialled each other (RFC 4271 section 6.8) */
};

bool descriptors_share(struct descriptors *d, FILE *errors)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
    if (limit.rlim_cur != limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised))
        fprintf(errors, "tandemd: warning: limit of open files: %s\n", strerror(errno));
    else
        limit = raised;
    d->limit = limit.rlim_cur < INT32_MAX ? (unsigned)limit.rlim_cur : INT32_MAX;
    if (d->limit < LEAST) {
        fprintf(errors,
                "tandemd: error: %u files may be open at once, a node needs %d: raise LimitNOFILE "
                "of its unit, or ulimit -n\n",
                d->limit, LEAST);
        return false;
    }
    d->readers = d->limit / READERS_OF;
    d->connections = d->limit - OWN - d->readers;
    return true;
}

size_t descriptors_wanted(const struct config *c, uint32_t self, size_t agents)
{
    size_t wanted = agents + c->station_count + COLLISION * c->node_count;
    for (size_t i = 0; i < c->peer_count; i++) {
        const struct config_peer *p = &c->peers[i];
        if (!p->disabled && p->nodes & 1u << self)
            wanted += (COLLISION + p->bfd.enabled) * (p->is_range ? p->max_peers : 1);
    }
    return wanted;
}
