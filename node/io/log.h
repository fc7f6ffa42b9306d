/* One structured line an event, on standard error: time, level, event, node, then key=value.
 *
 * plain   2026-11-23T01:18:36.394Z warn  peer_down peer=sdwan-1 reason="hold timer expired"
 * logfmt  ts=… level=warn event=peer_down node=rs-a peer=sdwan-1 reason="…"   (under systemd the
 *         priority prefix <4> replaces ts and level)
 * json    the same fields as one object a line
 *
 * Event names are stable and documented: they are what scripts match and what /v1/events carries.
 * The same event about the same subject is written at most ten times a minute; what was left out is
 * told in one line. Where nobody reads on, lines are lost, which the next one tells (lines_lost): a node does
 * not wait for its log. Secrets never reach this file. */
#ifndef TANDEM_NODE_LOG_H
#define TANDEM_NODE_LOG_H

#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_DEBUG_, LOG_INFO_, LOG_WARN_, LOG_ERROR_ };

struct log;

/* format: enum config_log_format; node may be NULL. NULL on exhausted memory. */
struct log *log_new(FILE *out, int level, int format, const char *node);
void log_free(struct log *l);
void log_set_level(struct log *l, int level);
int log_level(const struct log *l);

/* event    stable name
 * subject  what the rate limit counts by, and the first field: "peer=sdwan-1"; NULL = none
 * fields   printf format of "key=value key2=%s …": values that hold blanks or quotes are quoted by
 *          the caller's use of log_quote, numbers go as they are; NULL = none */
void log_event(struct log *l, enum log_level level, const char *event, const char *subject,
               const char *fields, ...) __attribute__((format(printf, 5, 6)));

/* text as a quoted value in buf ("" escaped, control bytes as \xNN, cut with … when too long). */
const char *log_quote(const char *text, char *buf, size_t cap);

#endif
