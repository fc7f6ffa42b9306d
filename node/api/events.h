/* The core's events as JSON, and as blocks of an event stream. */
#ifndef TANDEM_NODE_API_EVENTS_H
#define TANDEM_NODE_API_EVENTS_H

#include "node/api/routes.h"

/* "id: 7\nevent: peer_down\ndata: {…}\n\n"; malloc'd. */
char *events_stream_text(const struct api_view *v, const struct core_event *e);
/* The ring has lost events: "event: reset" with the position of the last one told and the next. */
char *events_reset_text(uint64_t told, uint64_t next);
/* Sequence of the newest event, 0 before the first. */
uint64_t events_head(const struct core *c);

#endif
