/* How long things take: counts by fixed upper bounds, and the sum of it all; /metrics prints them. */
#ifndef TANDEM_NODE_HISTOGRAM_H
#define TANDEM_NODE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BOUNDS_MAX = 12 };

struct histogram_bounds {
    uint32_t per_second; /* the unit: 1000 = milliseconds, 1000000 = microseconds */
    uint32_t count;
    uint32_t at[HISTOGRAM_BOUNDS_MAX]; /* rising; each belongs to what is below it */
};

struct histogram {
    const struct histogram_bounds *bounds;     /* live as long as it does */
    uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1]; /* by bounds->at; the one behind them: longer than all */
    uint64_t sum;
};

void histogram_add(struct histogram *h, uint64_t took);

#endif
