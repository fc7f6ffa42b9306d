/* The endpoints of the API as one table, and how they are answered: pure of HTTP and sockets.
 *
 * JSON is camelCase with RFC 3339 UTC times and «…Seconds» numbers. Lists are {"items": […],
 * "nextCursor": text or null, "revision": n}; between two pages of one revision nothing changed. An error
 * is application/problem+json (RFC 9457) with errors[].{path, message}. A query parameter that an
 * endpoint does not know is an error, not ignored. What changes something is a POST, over
 * the Unix socket, or over TCP with the token; it may carry If-Match with the ETag of the configuration that it means. Source: the interface study 3.4. */
#ifndef TANDEM_NODE_API_ROUTES_H
#define TANDEM_NODE_API_ROUTES_H

#include "node/core/core.h"

/* Read the configuration file again, follow it unless is_dry, and say what changes, a line each; false:
 * it cannot be followed, and out says why. */
typedef bool api_reload(void *data, bool is_dry, FILE *out);

/* Have the log tell what is of this level (enum config_log_level) and above; -1 changes nothing. Returns the level that
 * is in force. */
typedef int api_log_level(void *data, int level);

/* Why MRT files cannot be written; "": they can, or there are none. */
typedef const char *api_mrt_trouble(void *data);

/* What is looked at, or acted upon, and when. */
struct api_view {
    struct core *core;
    const struct config *config;
    uint32_t self;
    uint64_t now_ms;  /* monotonic */
    uint64_t wall_ms; /* the same moment, since 1970 */
    api_reload *reload;
    api_log_level *log_level;
    api_mrt_trouble *mrt_trouble; /* NULL: nobody writes any */
    void *data; /* for these three */
    const uint64_t *answered; /* so many with this status; NULL: nobody counts */
};

enum { API_STATUSES = 600 };
enum { API_ETAG = 32, API_PARAMS_MAX = 10, API_REST_MAX = 2 * CONFIG_NAME_MAX + 1 };

struct api_request {
    const char *path; /* decoded */
    struct {
        const char *name, *value;
    } params[API_PARAMS_MAX]; /* value "" for a bare "?verbose" */
    size_t param_count;
    bool too_many;       /* more than API_PARAMS_MAX were given */
    const char *if_match; /* an order's condition, NULL = none */
    const char *if_none_match; /* a reader's, NULL = none */
    const char *body; /* of an order; NULL or 0-terminated */
    size_t body_len;
    bool wants_openmetrics; /* of /metrics, instead of Prometheus' older form */
    bool is_health_only; /* came by the health listener: the checks only */
    bool is_post;        /* POST by who may give orders; else GET */
    char rest[API_REST_MAX + 1]; /* set by api_answer: what stood for "*" in the endpoint's path */
};

/* A long answer, made while it is sent.
 * read  writes up to max bytes with the state of the moment, few at a time; 0 = that was all
 * end   frees it */
struct api_reader {
    size_t (*read)(struct api_reader *r, const struct api_view *v, char *buf, size_t max);
    void (*end)(struct api_reader *r);
};

struct api_reply {
    unsigned status;
    const char *type; /* static */
    char *body;       /* malloc'd, the receiver's */
    size_t len;
    struct api_reader *reader; /* instead of a body, the receiver's; NULL = none */
    char etag[API_ETAG]; /* of what the configuration decides, "" = none */
    const char *allows; /* of a 405: methods that would do; static, NULL = all that the API knows */
};

/* Always fills *out. */
void api_answer(const struct api_view *v, struct api_request *q, struct api_reply *out);

/* Value of a query parameter, or NULL. */
const char *api_param(const struct api_request *q, const char *name);

/* The answers, one a file: json_*.c, health.c, metrics.c. */
typedef void api_handler(const struct api_view *v, const struct api_request *q,
                         struct api_reply *out);
api_handler api_status, api_nodes, api_node_diff, api_peers, api_peer, api_learned, api_advertised, api_route_list, api_route_explain,
    api_programming, api_programming_one, api_programming_diff, api_bmp, api_events, api_mrt, api_lg_status, api_lg_protocols, api_lg_protocols_short,
    api_lg_received, api_lg_filtered, api_lg_not_exported, api_lg_table, api_lg_table_filtered, api_lg_prefix,
    api_bgplgd_neighbors, api_bgplgd_summary, api_bgplgd_rib, api_livez, api_readyz, api_metrics,
    api_node_drain, api_node_undrain, api_peer_disable, api_peer_enable, api_peer_clear, api_failover,
    api_config, api_config_revisions, api_config_schema, api_config_check, api_config_reload, api_config_text, api_log, api_log_set, api_openapi;

#endif
