/* tandemctl: what its verbs share. Exit codes are part of the interface (DESIGN section 11). */
#ifndef TANDEM_NODE_CTL_H
#define TANDEM_NODE_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_NO_SUCH = 3,     /* no such peer, prefix, target */
    CTL_UNREACHABLE = 4, /* the daemon does not answer */
    CTL_PROBLEMS = 5,    /* a check found some */
};

/* JSONL: a list's items, one a line. AZ: learned and advertised only. */
enum ctl_output { CTL_TABLE, CTL_WIDE, CTL_JSON, CTL_JSONL, CTL_AZ };

struct ctl;
typedef int ctl_verb(const struct ctl *c);

struct ctl {
    const char *socket, *url; /* where the daemon is; both NULL: the only socket in /run/tandem */
    enum ctl_output output;
    const char *node;       /* another one, or "all"; NULL: who is reached */
    const char *peer, *target, *message, *daemon, *route_server;
    const char *since;      /* as the API reads it */
    const char *token_file; /* for orders over TCP */
    unsigned watch_s;       /* again after so long; 0: once */
    bool best, filtered, secret, follow, check, diff;
    ctl_verb *verb;
    int argc; /* what followed it */
    char *const *argv;
};

#define CTL_RUN_DIRECTORY "/run/tandem"

/* One line on standard error; returns code, so that a verb can end with it. */
int ctl_fail(enum ctl_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool ctl_wants_json(const struct ctl *c);
/* The answer as it came, indented; as lines where that is wanted, on one where there will be more of them. */
int ctl_print_json(const struct ctl *c, const json_t *answer);
/* Standard output does not take it: says why, as errno has it. */
int ctl_cannot_write(void);
/* True when the verb got exactly what it wants; says so otherwise. */
bool ctl_takes(const struct ctl *c, int least, int most, const char *form);

/* The tables of tandemctl.c, for completion and manual pages. Verbs that help lists, NULL behind the last; options,
 * without a name there. */
const char *ctl_phrase(size_t i);
const char *ctl_arguments(size_t i);
const char *ctl_help(size_t i);
struct option;
const struct option *ctl_option(size_t i);

/* Verbs that change nothing, and whose answer changes by itself. */
bool ctl_only_looks(ctl_verb *verb);
/* -w: its seconds, false after a line on standard error; the verb, until it is enough. */
bool ctl_set_watch(struct ctl *c, const char *text);
int ctl_watch(const struct ctl *c, const char *phrase);
/* The verb at c->node. */
int ctl_on_nodes(const struct ctl *c);

ctl_verb verb_status, verb_doctor, verb_peer_list, verb_peer_show, verb_route_list, verb_route_explain,
    verb_learned, verb_advertised, verb_node_list, verb_node_diff, verb_programmed, verb_bmp_list,
    verb_events, verb_mrt_dump, verb_key_new, verb_key_public, verb_key_show, verb_config_check, verb_config_diff,
    verb_config_reload, verb_config_show, verb_config_schema, verb_config_history, verb_config_rollback, verb_metrics,
    verb_version, verb_help, verb_peer_disable, verb_peer_enable, verb_peer_clear, verb_node_drain,
    verb_node_undrain, verb_nva_config, verb_completion, verb_top, verb_import_azure,
    verb_help_page, verb_support_bundle, verb_log_level, verb_failover;

#endif
