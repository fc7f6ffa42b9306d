/* Pieces that several answers share. */
#ifndef TANDEM_NODE_API_SIGHT_H
#define TANDEM_NODE_API_SIGHT_H

#include "node/api/reply.h"

/* "live", "grace", "stale", "gone": enum rib_class */
const char *sight_class(uint8_t class);
/* Which of the keys that the configuration names is in use (enum core_key_use), by the name of its key there. */
json_t *sight_use(uint8_t use, const char *current, const char *next);
json_t *sight_nodes(const struct api_view *v);
/* nextHop, asPath, origin, med, communities, largeCommunities; localPreference where a route map has set one. Those of
 * them whose bit is set in wanted. */
enum { JSON_ATTRS = 7 };
void json_set_attrs(json_t *o, const struct bgp_attrs *attrs, uint32_t wanted);
const char *json_attr_name(unsigned nth);
/* One path as an item of /v1/routes: as it counts, and under "received" as it came where a route map has edited it.
 * wanted  a bit for each member; filteredReason is the last of its own, and only learnedRoutes have it unasked */
enum { SIGHT_MEMBERS = 15 };
#define SIGHT_LEARNED UINT32_MAX
#define SIGHT_PATH (SIGHT_LEARNED ^ 1u << (SIGHT_MEMBERS - 1))
json_t *sight_path(const struct api_view *v, uint32_t path, uint32_t wanted);
/* ?members=NAME,…: only these, *wanted as it was without. False: *out holds the refusal. */
bool sight_read_members(const struct api_request *q, uint32_t *wanted, struct api_reply *out);
/* What the policy says of a path, in words: what the rules of its NVA's route map did, or why it is refused. */
const char *sight_policy(const struct api_view *v, uint32_t path, char buf[static ROUTE_MAP_TEXT]);
/* The NVA that the request's path names: its number, from 1. False: *out says that there is none. */
bool sight_find_peer(const struct api_view *v, const struct api_request *q, int *nva, struct api_reply *out);
/* Refuse a name that no peer has; param: of the query, or NULL. */
void sight_no_peer(const struct api_view *v, const char *param, const char *name, struct api_reply *out);
/* ?peer=NAME: its number, 0 = the configuration, -1 = all. False: *out says that there is none. */
bool sight_read_peer(const struct api_view *v, const struct api_request *q, int *nva, struct api_reply *out);
/* ?format=az; False: *out holds the refusal. */
bool sight_az_wanted(const struct api_request *q, bool *is_az, struct api_reply *out);
/* Items of learnedRoutes (source: the NVA's address) or advertisedRoutes (NULL) in that form. */
void sight_az_reply(const struct api_view *v, json_t *take_items, const char *cursor, const struct ip_addr *source,
                    struct api_reply *out);
/* What an OPEN says: AS, identifier, capabilities. */
json_t *sight_open(const struct bgp_open *o);
/* The configuration in force: its revision and its digest. */
void sight_etag(const struct api_view *v, char etag[static API_ETAG]);
/* The node that writes the first shared target; NULL: nothing is shared, or nobody does. */
const char *sight_leader(const struct api_view *v);
/* The highest epoch of the shared targets' fences, 0 = nothing is shared. */
uint64_t sight_epoch(const struct api_view *v);
/* "leader": it writes a shared target; "follower": another one does; "active": nothing is shared. */
const char *sight_role(const struct api_view *v, const char *node);
/* Why MRT files cannot be written, or "". */
const char *sight_mrt_trouble(const struct api_view *v);

#endif
