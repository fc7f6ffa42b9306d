/* Inside the HTTP server: shared by http.c, http_request.c and sse.c only. */
#ifndef TANDEM_NODE_API_IMPL_H
#define TANDEM_NODE_API_IMPL_H

#include <microhttpd.h>

#include "node/api/http.h"
#include "node/api/routes.h"

enum listener_kind { LISTENER_TCP, LISTENER_UNIX, LISTENER_HEALTH };

struct api_listener {
    struct api *api;
    struct MHD_Daemon *mhd;
    uv_poll_t poll;   /* on the daemon's epoll descriptor */
    uv_timer_t timer; /* the daemon's own timeouts */
    uv_idle_t again;  /* it has more to do at once: in the next round of the loop, behind what else waits */
    uint8_t kind;     /* enum listener_kind */
    unsigned most, timeout_s; /* connections, and how long one may be silent */
    struct list connections;
};

struct api {
    struct api_cfg cfg;
    struct api_listener *listeners; /* fixed: handles may not move */
    size_t count;
    unsigned wanted;       /* connections, if each listener had all that its kind allows */
    unsigned handles;      /* not closed yet; the last one frees the server */
    char socket_path[108]; /* "" = not bound */
    struct list streams;   /* struct sse */
    size_t stream_count;
    size_t reader_count; /* answers that are made while they are sent */
    uint64_t answered[API_STATUSES]; /* by status */
    uv_prepare_t prepare; /* while there are streams: news goes out before the loop sleeps */
    uv_timer_t pulse;     /* while there are streams: comment lines are due */
    uint64_t seen;        /* newest event of the core that prepare has noticed */
};

/* idle.c: who has a connection and asks for nothing keeps nobody out for long.
 * idle_noted  what libmicrohttpd calls with every connection that comes and goes, cls is the listener
 * idle_hurry  all places are taken: those that nobody uses are free again in a second
 * idle_asks   a request begins, or ends */
void idle_noted(void *cls, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode what);
void idle_hurry(struct api_listener *l);
void idle_asks(struct MHD_Connection *connection, bool asks);

struct api_view api_now(const struct api *a);
/* There is a stream: notice events and time until there is none. */
void api_streams_watch(struct api *a);

/* http_request.c: what libmicrohttpd calls with a request, cls is the listener. */
void *request_line_seen(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result request_answer(void *cls, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **con_cls);
void request_ended(void *cls, struct MHD_Connection *connection, void **con_cls,
                   enum MHD_RequestTerminationCode why);
enum MHD_Result request_accept(void *cls, const struct sockaddr *addr, socklen_t len);
/* Headers that every answer of ours carries. */
void response_secure(struct MHD_Response *response);

/* sse.c */
bool sse_is_full(const struct api *a);
/* after: position to resume behind, UINT64_MAX = from now on */
enum MHD_Result sse_start(struct api *a, struct MHD_Connection *connection, uint64_t after);
/* Wake every sleeping stream. */
void sse_wake_all(struct api *a);
void sse_pulse(struct api *a);

/* reader.c */
bool reader_is_full(const struct api *a);
struct MHD_Response *reader_response(struct api *a, struct api_reader *take_reader);

#endif
