/* tandemctl [options] VERB…: one table of verbs drives parsing and help. */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/words.h"
#include "node/ctl/ctl.h"

struct verb {
    const char *phrase, *arguments, *help; /* help NULL: an alias, not listed */
    ctl_verb *run;
};

/* clang-format off */
static const struct verb verbs[] = {
    { "status",         "",                                   "nodes, peers, warnings; the default", verb_status },
    { "top",            "",                                   "the same and more on one screen, live", verb_top },
    { "doctor",         "",                                   "what is wrong, and what mends it", verb_doctor },
    { "peer list",      "",                                   "every NVA and its sessions",     verb_peer_list },
    { "peer show",      "NAME",                               "all that is known of one",       verb_peer_show },
    { "peer disable",   "NAME [--message TEXT]",              "end its session with this node until enabled", verb_peer_disable },
    { "peer enable",    "NAME",                               "undo it",                        verb_peer_enable },
    { "peer clear",     "NAME [soft-in|soft-out|hard]",       "reset its session; soft: routes once more; hard: hold nothing", verb_peer_clear },
    { "route list",     "[PREFIX [longer|shorter|lpm]] [--peer NAME] [--best] [--filtered]", "paths, and why each won or lost", verb_route_list },
    { "route explain",  "PREFIX [--peer NAME]",               "every stage of a route's way",   verb_route_explain },
    { "learned",        "NAME",                               "what an NVA announced, and why it is refused", verb_learned },
    { "advertised",     "NAME",                               "what this node tells an NVA",   verb_advertised },
    { "node list",      "",                                   "the route server's nodes",       verb_node_list },
    { "node diff",      "",                                   "do the nodes' tables differ, and where", verb_node_diff },
    { "node drain",     "[NAME] [--message TEXT]",            "planned work: move everything away, then close", verb_node_drain },
    { "node undrain",   "[NAME]",                             "back to work",                   verb_node_undrain },
    { "programmed",     "[--target NAME] [--diff]",           "targets and agents; --diff: prefixes where it is not what is wanted, and why", verb_programmed },
    { "failover",       "TARGET",                             "have another node write a shared target that this one writes", verb_failover },
    { "bmp list",       "",                                   "monitoring stations",            verb_bmp_list },
    { "events",         "[-f] [--since AGO|TIME]",            "what happened, since 10m ago or a time in UTC; -f: and happens", verb_events },
    { "log level",      "[debug|info|warn|error]",            "how much the log tells; another level lasts until the next reload or start", verb_log_level },
    { "mrt dump",       "FILE|-",                             "write the RIB for bgpdump and its like", verb_mrt_dump },
    { "key new",        "[--secret] FILE",                    "make a node key (prints its public half) or a cluster secret", verb_key_new },
    { "key public",     "FILE",                               "print the public half of a node key", verb_key_public },
    { "key show",       "FILE",                               "what a key file is, and its id: nothing secret", verb_key_show },
    { "config check",   "FILE",                               "read a configuration, list all errors", verb_config_check },
    { "config diff",    "[REVISION]",                         "what a reload would change, or what is wrong; of an earlier file", verb_config_diff },
    { "config reload",  "",                                   "have this node read its file again and follow it", verb_config_reload },
    { "config show",    "[REVISION]",                         "what the file in force says, as JSON; an earlier file as it stood", verb_config_show },
    { "config schema",  "",                                   "what may stand in a configuration: JSON Schema", verb_config_schema },
    { "config history", "",                                   "which ones this node has followed since its start", verb_config_history },
    { "config rollback", "REVISION",                          "write an earlier one back into the file, and follow it", verb_config_rollback },
    { "nva-config",     "NAME --for bird|frr|openbgpd|gobgp|cisco|fortios", "the NVA's side of its sessions, for its BGP daemon or system", verb_nva_config },
    { "import azure",   "FILE... [--route-server NAME]",      "a tandem.yaml out of what az prints, or of ARM templates", verb_import_azure },
    { "support-bundle", "FOLDER",                             "what this node says of itself as files to send, without secrets", verb_support_bundle },
    { "metrics",        "",                                   "as Prometheus reads them",       verb_metrics },
    { "completion",     "bash|zsh|fish",                      "for a shell: source <(tandemctl completion bash)", verb_completion },
    { "version",        "",                                   "of this program",                verb_version },
    { "help",           "[VERB]",                             "this text, or what is said of a verb", verb_help },
    { "help page",        "PART", NULL, verb_help_page },
    { "reload",           "", NULL, verb_config_reload },
    { "show protocols",   "", NULL, verb_peer_list },
    { "show bgp summary", "", NULL, verb_peer_list },
    { "show route",       "", NULL, verb_route_list },
    { "show rib",         "", NULL, verb_route_list },
};
/* clang-format on */

enum { VERBS = sizeof verbs / sizeof *verbs };

static const struct option options[] = {
    { "output", required_argument, NULL, 'o' }, { "socket", required_argument, NULL, 's' },
    { "url", required_argument, NULL, 'u' },    { "peer", required_argument, NULL, 'p' },
    { "target", required_argument, NULL, 't' }, { "message", required_argument, NULL, 'm' },
    { "best", no_argument, NULL, 'b' },         { "check", no_argument, NULL, 'c' },
    { "filtered", no_argument, NULL, 'F' },     { "token-file", required_argument, NULL, 'T' },
    { "secret", no_argument, NULL, 'k' },       { "follow", no_argument, NULL, 'f' },
    { "for", required_argument, NULL, 'd' },    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'v' },     { "route-server", required_argument, NULL, 'r' },
    { "diff", no_argument, NULL, 'D' },        { "since", required_argument, NULL, 'S' },
    { "watch", required_argument, NULL, 'w' },  { "node", required_argument, NULL, 'n' },
    { NULL, 0, NULL, 0 },
};

bool ctl_takes(const struct ctl *c, int least, int most, const char *form)
{
    if (c->argc >= least && c->argc <= most)
        return true;
    ctl_fail(CTL_USAGE, "usage: tandemctl %s", form);
    return false;
}

int verb_version(const struct ctl *c)
{
    if (!ctl_wants_json(c))
        return puts("tandemctl " TANDEM_VERSION) < 0 ? ctl_cannot_write() : CTL_OK;
    json_t *version = json_pack("{s:s}", "version", TANDEM_VERSION);
    int code = ctl_print_json(c, version);
    json_decref(version);
    return code;
}

/* Do its words begin with those that help was asked for? What stands behind them is for the verb. */
static bool is_asked_for(const struct ctl *c, const char *phrase)
{
    for (int i = 0; phrase && i < c->argc; i++) {
        if (strncmp(phrase, c->argv[i], strlen(c->argv[i])) != 0)
            return false;
        phrase = strchr(phrase, ' ');
        if (phrase)
            phrase++;
    }
    return true;
}

/* What an alias stands for; a verb that is listed: itself. NULL: it is for the build. */
static const struct verb *listed(const struct verb *verb)
{
    for (size_t i = 0; i < VERBS; i++)
        if (verbs[i].help && verbs[i].run == verb->run)
            return &verbs[i];
    return NULL;
}

static void print_verb(const struct verb *verb, const struct verb *meant)
{
    char form[160];
    snprintf(form, sizeof form, "%s %s", verb->phrase, meant->arguments);
    if (strlen(form) > 34)
        printf("  %s\n  %-34s ", form, "");
    else
        printf("  %-34s ", form);
    if (verb != meant)
        printf("as %s: ", meant->phrase);
    puts(meant->help);
}

/* Aliases where they are asked for. */
static unsigned print_verbs(const struct ctl *c)
{
    unsigned count = 0;
    for (size_t i = 0; i < VERBS; i++) {
        const struct verb *meant = c->argc ? listed(&verbs[i]) : &verbs[i];
        if (!meant || !meant->help || !is_asked_for(c, verbs[i].phrase))
            continue;
        print_verb(&verbs[i], meant);
        count++;
    }
    return count;
}

int verb_help(const struct ctl *c)
{
    if (c->argc)
        return print_verbs(c) ? CTL_OK : ctl_fail(CTL_USAGE, "no verb begins with \"%s\"; see tandemctl help", c->argv[0]);
    puts("usage: tandemctl [options] VERB...    words may be shortened: \"r e\" is \"route "
         "explain\"\n");
    print_verbs(c);
    puts("\n  -o, --output table|wide|json|jsonl|az   jsonl: an item a line; az: learned and advertised, as the cloud's tool has them\n"
         "  -w, --watch SEC   look again every SEC seconds, until it is enough\n"
         "  --node NAME|all   ask another node, or each: by its socket beside this one, or its API over TCP\n"
         "  --socket PATH   the daemon's socket; default: the only one in /run/tandem\n"
         "  --url URL       the daemon's API over TCP, such as http://127.0.0.1:8179\n"
         "  --token-file FILE   what api.tokenFile of the daemon has: for orders over TCP\n\n"
         "exit: 0 ok, 1 failed, 2 usage, 3 no such thing, 4 daemon not reachable, 5 check found "
         "problems");
    return CTL_OK;
}

static bool set_output(struct ctl *c, const char *text)
{
    static const char *const names[] = { "table", "wide", "json", "jsonl", "az" };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], text)) {
            c->output = (enum ctl_output)i;
            return true;
        }
    ctl_fail(CTL_USAGE, "-o %s: it is table, wide, json, jsonl or az", text);
    return false;
}

static bool set_option(struct ctl *c, int option, const char *value, ctl_verb **instead)
{
    switch (option) {
    case 'o':
        return set_output(c, value);
    case 's':
        c->socket = value;
        return true;
    case 'u':
        c->url = value;
        return true;
    case 'p':
        c->peer = value;
        return true;
    case 't':
        c->target = value;
        return true;
    case 'm':
        c->message = value;
        return true;
    case 'd':
        c->daemon = value;
        return true;
    case 'r':
        c->route_server = value;
        return true;
    case 'S':
        c->since = value;
        return true;
    case 'T':
        c->token_file = value;
        return true;
    case 'w':
        return ctl_set_watch(c, value);
    case 'n':
        c->node = value;
        return true;
    case 'b':
        return c->best = true;
    case 'F':
        return c->filtered = true;
    case 'k':
        return c->secret = true;
    case 'f':
        return c->follow = true;
    case 'c':
        return c->check = true;
    case 'D':
        return c->diff = true;
    case 'h':
        *instead = verb_help;
        return true;
    case 'v':
        *instead = verb_version;
        return true;
    default: /* getopt_long has said what is wrong */
        return false;
    }
}

const struct option *ctl_option(size_t i)
{
    return &options[i];
}

const char *ctl_phrase(size_t i)
{
    return i < VERBS && verbs[i].help ? verbs[i].phrase : NULL;
}

const char *ctl_arguments(size_t i)
{
    return verbs[i].arguments;
}

const char *ctl_help(size_t i)
{
    return verbs[i].help;
}

static bool parse_options(struct ctl *c, int argc, char **argv, ctl_verb **instead)
{
    for (int option; (option = getopt_long(argc, argv, "o:w:fh", options, NULL)) != -1;)
        if (!set_option(c, option, optarg, instead))
            return false;
    return true;
}

static const char *phrase_at(const void *context, size_t i)
{
    (void)context;
    return i < VERBS ? verbs[i].phrase : NULL;
}

/* "peer" alone: which verbs it could become. */
static int say_unknown(int argc, char *const *argv)
{
    char known[400] = "";
    size_t len = 0;
    for (size_t i = 0; i < VERBS; i++)
        if (verbs[i].help && !strncmp(verbs[i].phrase, argv[0], strlen(argv[0])) &&
            len < sizeof known)
            len += (size_t)snprintf(known + len, sizeof known - len, "%s\"%s\"", len ? ", " : "",
                                    verbs[i].phrase);
    if (len)
        return ctl_fail(CTL_USAGE, "no such verb; it could be one of %s", known);
    return ctl_fail(CTL_USAGE, "no verb begins with \"%s%s%s\"; see tandemctl help", argv[0],
                    argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
}

/* What it prints is for another program, which reads no JSON. */
static bool is_foreign(const struct verb *verb)
{
    static ctl_verb *const foreign[] = { verb_nva_config, verb_metrics, verb_completion };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (foreign[i] == verb->run)
            return true;
    return false;
}

/* Once or again and again, here or elsewhere. */
static int run(struct ctl *c, const struct verb *verb)
{
    c->verb = verb->run;
    if (c->output == CTL_AZ && verb->run != verb_learned && verb->run != verb_advertised)
        return ctl_fail(CTL_USAGE, "-o az is for learned and advertised");
    if (ctl_wants_json(c) && is_foreign(verb))
        return ctl_fail(CTL_USAGE, "%s prints what another program reads: there is no JSON of it", verb->phrase);
    if (c->watch_s)
        return ctl_watch(c, verb->phrase);
    return c->node ? ctl_on_nodes(c) : verb->run(c);
}

static int run_words(struct ctl *c, int argc, char *const *argv)
{
    int used = 0;
    int found = argc ? words_find(phrase_at, NULL, argc, argv, &used) : 0; /* the first is the default */
    if (found == WORDS_AMBIGUOUS)
        return ctl_fail(CTL_USAGE, "\"%s\" fits several verbs: write more of it", argv[0]);
    if (found < 0)
        return say_unknown(argc, argv);
    c->argc = argc - used;
    c->argv = argv + used;
    return run(c, &verbs[found]);
}

int main(int argc, char **argv)
{
    struct ctl c = { 0 };
    ctl_verb *instead = NULL; /* of the verb */
    setlocale(LC_ALL, ""); /* without it libsmartcols escapes UTF-8 */
    if (!parse_options(&c, argc, argv, &instead))
        return CTL_USAGE;
    c.argc = argc - optind;
    c.argv = argv + optind;
    if (instead)
        return instead(&c);
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return ctl_fail(CTL_FAILED, "libcurl does not start");
    int status = run_words(&c, c.argc, c.argv);
    curl_global_cleanup();
    errno = 0;
    bool is_written = !fflush(stdout) && !ferror(stdout);
    return status || is_written ? status : ctl_cannot_write();
}
