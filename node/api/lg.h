/* The looking glass: what birdwatcher answers, so that Alice-LG shows a node unchanged (source type
 * single_table, api = http://NODE:8179/lg/birdwatcher; deploy/monitoring/alice-lg.conf). Of this node's
 * sessions only: Alice knows every node as a route server of its own.
 * Source: Alice-LG 6.2 pkg/sources/birdwatcher, which fails on a member that is missing or of another type. */
#ifndef TANDEM_NODE_API_LG_H
#define TANDEM_NODE_API_LG_H

#include "node/api/reply.h"

/* What every answer begins with: "api" and "ttl". */
json_t *lg_envelope(const struct api_view *v);
/* Set key: a moment in UTC as 2026-11-26 05:30:00. */
void lg_set_time(json_t *object, const char *key, const struct api_view *v, uint64_t at_ms);
/* lg_route.c: a path as birdwatcher shows one. */
json_t *lg_route(const struct api_view *v, uint32_t path);

#endif
