/* The looking glass: what birdwatcher answers, so that Alice-LG shows a node unchanged (source type
 * single_table, api = http://NODE:8179/lg/birdwatcher; deploy/monitoring/alice-lg.conf), and what OpenBGPD's bgplgd
 * answers, for its tools (http://NODE:8179/lg/bgplgd). Of this node's sessions only: Alice knows every node as a route
 * server of its own.
 * Source: Alice-LG 6.2 pkg/sources/birdwatcher and openbgpd, which fail on a member that is missing or of another
 * type; bgplgd(8), and what bgpctl -j of OpenBGPD 7.7 prints. */
#ifndef TANDEM_NODE_API_LG_H
#define TANDEM_NODE_API_LG_H

#include "node/api/reply.h"
#include "node/api/walk.h"

/* What every answer begins with: "api" and "ttl". */
json_t *lg_envelope(const struct api_view *v);
/* Set key: a moment in UTC as 2026-11-26 05:30:00. */
void lg_set_time(json_t *object, const char *key, const struct api_view *v, uint64_t at_ms);
/* lg_route.c: attributes, and a path, as birdwatcher shows them. */
json_t *lg_attrs(const struct bgp_attrs *attrs);
json_t *lg_route(const struct api_view *v, uint32_t path);

/* lg_routes.c: lists of paths of any length, made while they are sent. */
struct lg_ask {
    struct walk walk;
    int nva;          /* the NVA that is asked about, -1 = all */
    bool (*wants)(const struct api_view *v, const struct lg_ask *ask, uint32_t path);
    json_t *(*show)(const struct api_view *v, uint32_t path);
};
/* Heard here, and accepted. */
bool lg_wants_accepted(const struct api_view *v, const struct lg_ask *ask, uint32_t path);
/* {…the envelope's members…, "name": [ … ]}; envelope NULL: none. */
void lg_reply(const struct lg_ask *ask, json_t *take_envelope, const char *name, struct api_reply *out);

#endif
