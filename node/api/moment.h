/* A moment of the past, as people write it: how long ago ("90s", "10m", "2h", "3d") or when, in UTC, as our own times
 * are printed: "2026-11-23", "2026-11-23T01:18", "2026-11-23T01:18:36.394Z". */
#ifndef TANDEM_NODE_API_MOMENT_H
#define TANDEM_NODE_API_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since 1970; wall_ms is now. False: it is no such text, *at_ms is left alone. */
bool moment_parse(const char *text, uint64_t wall_ms, uint64_t *at_ms);

#endif
