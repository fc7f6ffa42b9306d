/* tandemctl's side of the API: libcurl over the daemon's Unix socket, or a URL. */
#ifndef TANDEM_NODE_CTL_CLIENT_H
#define TANDEM_NODE_CTL_CLIENT_H

#include <stdio.h>

#include "node/ctl/ctl.h"

/* GET a path with its query; *out is the answer's, decref it.
 * returns CTL_OK, or the exit code after one line on standard error, with *out NULL or untouched */
int client_get(const struct ctl *c, const char *path, json_t **out);

/* POST a path with its query and no body; as client_get. */
int client_post(const struct ctl *c, const char *path, json_t **out);

/* The same with a body. */
int client_post_text(const struct ctl *c, const char *path, const char *body, json_t **out);

/* Follow all pages of a list: *items holds every item. path ends with "?" or "&". */
int client_list(const struct ctl *c, const char *path, json_t **items);

/* The same, a page at a time, so that a table of any length costs a page: the items go to show, which says
 * by its exit code whether to go on. */
typedef int client_show(const struct ctl *c, const json_t *items, void *context);
int client_pages(const struct ctl *c, const char *path, client_show *show, void *context);

/* What a path answers, into a file as it comes. */
int client_download(const struct ctl *c, const char *path, FILE *to);

/* Read an event stream until it ends; each event's data goes to show. */
int client_follow(const struct ctl *c, const char *path, void (*show)(const json_t *event));

/* The value, escaped as part of a path, appended to buf. */
void client_escape(char *buf, size_t cap, const char *value);
/* "name=value&" with the value escaped, appended to buf. */
void client_param(char *buf, size_t cap, const char *name, const char *value);

#endif
