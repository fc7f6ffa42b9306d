#include "node/api/endpoints.h"

/* clang-format off */
static const struct endpoint endpoints[] = {
    { "/livez",             { "verbose", "exclude" },                            true,  api_livez, .summary =
      "Has the loop turned within two seconds? 200 or 503" },
    { "/readyz",            { "verbose", "exclude", "fail" },               true,  api_readyz, .summary =
      "Does this node serve? 200 or 503" },
    { "/healthz",           { "verbose", "exclude", "fail" },               true,  api_readyz, .summary =
      "The same as /readyz" },
    { "/metrics",           { NULL },                                       false, api_metrics, .summary =
      "Prometheus text format" },
    { "/v1/status",         { NULL },                                       false, api_status, .summary =
      "This node, and what it sees of the others" },
    { "/v1/nodes",          { NULL },                                       false, api_nodes, .summary =
      "The route server's nodes" },
    { "/v1/nodes/diff",     { NULL },                                       false, api_node_diff, .summary =
      "Where the nodes' tables differ" },
    { "/v1/peers",          { NULL },                                       false, api_peers, .summary =
      "The NVAs and their sessions" },
    { "/v1/peers/*",        { NULL },                                       false, api_peer, .summary =
      "One NVA" },
    { "/v1/peers/*/learnedRoutes",    { "prefix", "match", "limit", "cursor", "format", "members" }, false, api_learned, .summary =
      "What it announced, refused or not" },
    { "/v1/peers/*/advertisedRoutes", { "prefix", "match", "limit", "cursor", "format" }, false, api_advertised, .summary =
      "What this node tells it" },
    { "/v1/routes",         { "prefix", "match", "peer", "state", "best", "community", "asPathContains",
                              "limit", "cursor", "members" },               false, api_route_list, .summary =
      "Paths, and why each won or lost" },
    { "/v1/routes/explain", { "prefix", "peer" },                           false, api_route_explain, .summary =
      "Every stage of a route's way" },
    { "/v1/programming",    { NULL },                                       false, api_programming, .summary =
      "Targets: wanted and installed" },
    { "/v1/programming/*",  { NULL },                                       false, api_programming_one, .summary =
      "One target" },
    { "/v1/programming/*/diff", { "limit", "cursor" },                      false, api_programming_diff, .summary =
      "Prefixes of which it does not have what is wanted, and why" },
    { "/v1/bmp",            { NULL },                                       false, api_bmp, .summary =
      "Monitoring stations" },
    { "/v1/events",         { "after", "since", "limit" },                  false, api_events, .summary =
      "What happened: a page, or a stream of server-sent events" },
    { "/v1/mrt",            { NULL },                                       false, api_mrt, .summary =
      "The RIB as an MRT file" },
    { "/v1/log/level",      { NULL },                                       false, api_log, .summary =
      "The least level that the log tells, and what the configuration says of it" },
    { "/v1/config",         { NULL },                                       false, api_config, .summary =
      "What the configuration in force says" },
    { "/v1/config/revisions", { NULL },                                     false, api_config_revisions, .summary =
      "Configurations of this life of the node" },
    { "/v1/config/schema",  { NULL },                                       false, api_config_schema, .summary =
      "JSON Schema of the configuration file" },
    { "/lg/birdwatcher/status",             { "uncached" },           false, api_lg_status, .summary =
      "Looking glass for Alice-LG, as birdwatcher answers: this node" },
    { "/lg/birdwatcher/protocols/bgp",      { "uncached" },           false, api_lg_protocols, .summary =
      "… its NVAs" },
    { "/lg/birdwatcher/protocols/short",    { "uncached" },           false, api_lg_protocols_short, .summary =
      "… their states" },
    { "/lg/birdwatcher/routes/protocol/*",  { "uncached" },           false, api_lg_received, .summary =
      "… what one announced, and is accepted" },
    { "/lg/birdwatcher/routes/filtered/*",  { "uncached" },           false, api_lg_filtered, .summary =
      "… and is refused" },
    { "/lg/birdwatcher/routes/noexport/*",  { "uncached" },           false, api_lg_not_exported, .summary =
      "… best routes that it is not told" },
    { "/lg/birdwatcher/routes/table/*",     { "uncached" },           false, api_lg_table, .summary =
      "… what all announced, and is accepted" },
    { "/lg/birdwatcher/routes/table/*/filtered", { "uncached" },      false, api_lg_table_filtered, .summary =
      "… and is refused" },
    { "/lg/birdwatcher/routes/prefix",      { "prefix", "uncached" }, false, api_lg_prefix, .summary =
      "… paths of the longest prefix that covers this one" },
    { "/lg/bgplgd/neighbors", { "neighbor" },                         false, api_bgplgd_neighbors, .summary =
      "Looking glass as OpenBGPD's bgplgd answers: NVAs, with counts" },
    { "/lg/bgplgd/summary",   { "neighbor" },                         false, api_bgplgd_summary, .summary =
      "… their states" },
    { "/lg/bgplgd/rib",       { "neighbor", "prefix" },               false, api_bgplgd_rib, .summary =
      "… what all, or one, announced, and is accepted" },
    { "/v1/openapi.json",   { NULL },                                       false, api_openapi, .summary =
      "This document" },
};

/* What is a POST. */
static const struct endpoint orders[] = {
    { "/v1/nodes/*/drain",   { "message" }, false, api_node_drain, .summary =
      "Planned work: move everything away, then close" },
    { "/v1/nodes/*/undrain", { NULL },      false, api_node_undrain, .summary =
      "Back to work" },
    { "/v1/peers/*/disable", { "message" }, false, api_peer_disable, .summary =
      "End its session with this node until enabled" },
    { "/v1/peers/*/enable",  { NULL },      false, api_peer_enable, .summary =
      "Undo it" },
    { "/v1/peers/*/clear",   { "kind" },    false, api_peer_clear, .summary =
      "Reset its session, or ask for routes once more" },
    { "/v1/programming/*/failover", { NULL }, false, api_failover, .summary =
      "A shared target that this node writes: another node is to" },
    { "/v1/log/level",       { "level" },   false, api_log_set, .summary =
      "Another level, until the next reload or start" },
    { "/v1/config/check",    { NULL },      false, api_config_check,   .takes_body = true, .summary =
      "What a reload would change, or what is wrong" },
    { "/v1/config/reload",   { NULL },      false, api_config_reload, .summary =
      "Read the configuration file again and follow it" },
    { "/v1/config/revisions/*/text", { NULL }, false, api_config_text, .summary =
      "What stood in the file then, comments and all" },
};
/* clang-format on */

const struct endpoint *endpoint_table(bool is_post, size_t *count)
{
    *count = is_post ? sizeof orders / sizeof *orders : sizeof endpoints / sizeof *endpoints;
    return is_post ? orders : endpoints;
}
