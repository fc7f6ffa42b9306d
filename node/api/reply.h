/* Building replies: JSON, problems, times, texts of the outside world. For the files of node/api. */
#ifndef TANDEM_NODE_API_REPLY_H
#define TANDEM_NODE_API_REPLY_H

#include <jansson.h>

#include "node/api/routes.h"

void reply_json(struct api_reply *out, json_t *take_body);
/* take_items becomes a list's page; cursor NULL = the last one. */
void reply_list(struct api_reply *out, json_t *take_items, const char *cursor, uint64_t revision);
/* param  the query parameter at fault, or NULL */
void reply_problem(struct api_reply *out, unsigned status, const char *param, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
/* text is malloc'd */
void reply_text(struct api_reply *out, unsigned status, const char *type, char *take_text,
                size_t len);

/* Sent as it is read. */
void reply_reader(struct api_reply *out, const char *type, struct api_reader *take_reader);

/* Never NULL; bytes that are no UTF-8 are shown as U+FFFD: peers choose some of our texts. */
json_t *json_text(const char *text);
json_t *json_addr(const struct ip_addr *a);
json_t *json_prefix(const struct ip_prefix *p);
json_t *json_count(uint64_t n);
json_t *json_hex(const uint8_t *bytes, size_t len);
/* Next hops of a set. */
json_t *json_next_hops(const struct nhset *set);

/* A moment of the monotonic clock as RFC 3339 in UTC; how many seconds ago it is. */
json_t *json_time(const struct api_view *v, uint64_t at_ms);
json_t *json_age(const struct api_view *v, uint64_t since_ms);
/* Set key: a moment of the monotonic clock as RFC 3339 in UTC. */
void json_set_time(json_t *object, const char *key, const struct api_view *v, uint64_t at_ms);
/* Set key ("uptimeSeconds"): how long ago that moment is. */
void json_set_age(json_t *object, const char *key, const struct api_view *v, uint64_t since_ms);

#endif
