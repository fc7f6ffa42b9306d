/* Prometheus text format 0.0.4: what the files of /metrics write with. */
#ifndef TANDEM_NODE_API_METRICS_TEXT_H
#define TANDEM_NODE_API_METRICS_TEXT_H

#include <stdio.h>

#include "node/api/sight.h"

void metrics_head(FILE *f, const char *name, const char *type, const char *help);
void metrics_single(FILE *f, const char *name, const char *type, const char *help, double value);
/* name="value" with backslash, quote and newline escaped, and what follows it */
void metrics_label(FILE *f, const char *name, const char *value, const char *end);

/* metrics_peers.c: families that every NVA has samples of. */
struct metrics_family {
    const char *name, *type, *help;
    void (*put)(FILE *f, const struct api_view *v, const struct metrics_family *family, const struct core_peer_view *p);
    double (*value)(const struct core_peer_view *p); /* where it is one sample */
};
/* NULL behind the last one. */
const struct metrics_family *metrics_peer_family(size_t nth);
/* family{peer="10.1.2.4",peer_as="65001",name="fw-1" and what follows it */
void metrics_peer(FILE *f, const char *family, const struct core_peer_view *p, const char *end);

/* metrics_histogram.c: the samples of one histogram of a family. labels: the last one has no name; NULL = none. */
struct metrics_pair {
    const char *name, *value;
};
void metrics_histogram(FILE *f, const char *family, const struct metrics_pair *labels, const struct histogram *h);
/* metrics_open.c: some lines of the same as OpenMetrics 1.0. */
void metrics_open(const char *text, bool are_last, FILE *to);
/* metrics_process.c */
void metrics_process(FILE *f, const struct api_view *v);
/* metrics_cluster.c: who leads, replication, how long news takes */
void metrics_cluster(FILE *f, const struct api_view *v);

#endif
