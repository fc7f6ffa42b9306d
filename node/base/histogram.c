#include "node/base/histogram.h"

void histogram_add(struct histogram *h, uint64_t took)
{
    uint32_t bucket = 0;
    while (bucket < h->bounds->count && took > h->bounds->at[bucket])
        bucket++;
    h->counts[bucket]++;
    h->sum += took;
}
