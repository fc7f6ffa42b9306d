/* tandemd --config FILE --node NAME [--check] [--foreground]
 * Exit: 0 asked to stop, or the check found nothing; 1 failed: the configuration or what it names is wrong, an
 * address or a lock is in use; 2 usage. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/io/run_directory.h"
#include "node/keys/agent_keys.h"
#include "node/keys/node_keys.h"
#include "node/loop/guard.h"
#include "node/loop/loop.h"
#include "node/targets/target_files.h"

enum { EXIT_USAGE = 2 };

struct arguments {
    const char *config, *node;
    bool check;
};

static const char usage[] =
    "usage: tandemd --config FILE [--node NAME] [--check]\n"
    "  --config FILE  the cluster's configuration, the same file on every node\n"
    "  --node NAME    which entry of nodes this machine is; default: the host name\n"
    "  --check        read and check everything, start nothing\n"
    "  --foreground   accepted for supervisors that want it; tandemd never forks\n"
    "  --version, --help\n"
    "exit: 0 asked to stop, or nothing is wrong; 1 failed, or the configuration is wrong; 2 "
    "usage\n";

static bool parse(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "node", required_argument, NULL, 'n' },
        { "check", no_argument, NULL, 'k' },
        { "foreground", no_argument, NULL, 'f' },
        { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    for (int o; (o = getopt_long(argc, argv, "c:n:h", options, NULL)) != -1;) {
        if (o == 'c')
            a->config = optarg;
        else if (o == 'n')
            a->node = optarg;
        else if (o == 'k')
            a->check = true;
        else if (o == 'v' || o == 'h') {
            fputs(o == 'v' ? "tandemd " TANDEM_VERSION "\n" : usage, stdout);
            exit(0);
        } else if (o == '?') {
            return false;
        }
    }
    if (!a->config)
        fputs("tandemd: --config FILE is missing\n", stderr);
    else if (optind < argc)
        fprintf(stderr, "tandemd: \"%s\" is a word too many\n", argv[optind]);
    return a->config && optind == argc;
}

static const struct config_node *find_self(const struct config *config, const char *name)
{
    char host[CONFIG_NAME_MAX + 1] = "";
    gethostname(host, sizeof host - 1);
    const struct config_node *node = config_find_node(config, name ? name : host);
    if (node)
        return node;
    fprintf(stderr, "%s: error: nodes: there is no node \"%s\"%s; nodes are:", config->path,
            name ? name : host, name ? "" : " (the host name; use --node NAME)");
    for (size_t i = 0; i < config->node_count; i++)
        fprintf(stderr, " %s", config->nodes[i].name);
    fputc('\n', stderr);
    return NULL;
}

/* A directory that cannot be read is an error, a bad file in it only when checking: the others work. */
static bool check_agents(const struct config *config, bool is_strict)
{
    struct agent_keys agents;
    bool ok = agent_keys_read(config, &agents, stderr) && !(is_strict && agents.faults);
    agent_keys_free(&agents);
    return ok;
}

/* Beside a node that works nobody looks for files that are not written. */
static bool check_export(const struct config *config)
{
    if (!config->mrt_directory || access(config->mrt_directory, W_OK | X_OK) == 0)
        return true;
    fprintf(stderr, "%s: error: export.mrt.directory: %s: %s; make it, or name another\n", config->path,
            config->mrt_directory, strerror(errno));
    return false;
}

/* A target whose file is wrong waits for another one when the node runs: the other targets work. */
static bool check_rest(const struct config *config)
{
    bool ok = check_export(config);
    for (size_t i = 0; i < config->target_count; i++)
        ok = target_files_are_good(config->targets[i], config->path, stderr) && ok;
    return ok;
}

/* ---- the run directory ---- */

static bool take_run_directory(const char *directory, const char *node)
{
    char file[CONFIG_NAME_MAX + 8], what[CONFIG_NAME_MAX + 8];
    snprintf(file, sizeof file, "%s.lock", node);
    snprintf(what, sizeof what, "node %s", node);
    return run_directory_make(directory, stderr) &&
           run_directory_lock(directory, file, what, stderr);
}

/* Incarnations count up and need no clock. A full or lost disk only costs this node the memory of
 * its own last number: the other nodes remember it and say so. */
static uint64_t next_incarnation(const char *directory, const char *node)
{
    char path[4096], fresh[4100];
    unsigned long long last = 0;
    snprintf(path, sizeof path, "%s/%s.incarnation", directory, node);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%llu", &last) != 1)
        last = 0;
    if (f)
        fclose(f);
    f = fopen(fresh, "we");
    bool written = f && fprintf(f, "%llu\n", last + 1) > 0;
    written = f && fclose(f) == 0 && written;
    if (!written || rename(fresh, path))
        fprintf(stderr, "tandemd: warning: %s: %s; the other nodes will remember instead\n", path,
                strerror(errno));
    return last + 1;
}

static int run(struct config *config, const struct config_node *node, struct node_keys *k)
{
    struct descriptors descriptors;
    if (!descriptors_share(&descriptors, stderr))
        return EXIT_FAILURE;
    if (!take_run_directory(config->run_directory, node->name))
        return EXIT_FAILURE;
    struct loop_cfg cfg = { .config = config, .self = node->id, .keys = k, .descriptors = &descriptors };
    cfg.log = log_new(stderr, config->log_level, config->log_format, node->name);
    if (!cfg.log)
        return EXIT_FAILURE;
    cfg.core = (struct core_cfg){
        .config = config,
        .self = node->id,
        .identity = k->clustered || k->has_agents ? &k->cluster.identity : NULL,
        .secrets = k->clustered ? &k->cluster.secrets[0] : NULL,
        .next_secrets = k->cluster.secret_count > 1 ? &k->cluster.secrets[1] : NULL,
        .agent_secrets = k->has_agents ? &k->cluster.agent_secrets[0] : NULL,
        .next_agent_secrets =
            k->cluster.agent_secret_count > 1 ? &k->cluster.agent_secrets[1] : NULL
    };
    cfg.core.incarnation = next_incarnation(config->run_directory, node->name);
    randombytes_buf(&cfg.core.key, sizeof cfg.core.key);
    randombytes_buf(&cfg.core.seed, sizeof cfg.core.seed);
    int status = loop_run(&cfg);
    log_free(cfg.log);
    return status;
}

static int say_well(const struct config *config, const struct config_node *node)
{
    return printf("%s: ok: node %s of %s\n", config->path, node->name, config->name) < 0 || fflush(stdout);
}

int main(int argc, char **argv)
{
    struct arguments a = { 0 };
    struct config *config;
    struct node_keys keys = { 0 };
    if (!parse(argc, argv, &a)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0)
        return EXIT_FAILURE;
    if (!config_load(a.config, &config, stderr))
        return EXIT_FAILURE;
    const struct config_node *node = find_self(config, a.node);
    int status = EXIT_FAILURE;
    if (node && guard_permits(config, stderr) && node_keys_load(config, node, &keys, stderr) &&
        check_agents(config, a.check) && (!a.check || check_rest(config)))
        status = a.check ? say_well(config, node) : run(config, node, &keys);
    node_keys_wipe(&keys);
    config_free(config);
    return status;
}
