/* tandem-agent --config FILE [--check]
 * Follows every node, or reads from etcd; programs this host's kernel, and keeps the table when every node is gone.
 * Exit: 0 asked to stop, or the check found nothing; 1 failed, or the configuration is wrong; 2 usage. Stopping
 * removes nothing. */
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/agent/host.h"
#include "node/io/run_directory.h"
#include "node/keys/keyfile.h"
#include "node/targets/target_files.h"

enum { EXIT_USAGE = 2 };

static const char usage[] = "usage: tandem-agent --config FILE [--check]\n"
                            "  --config FILE  this host's configuration\n"
                            "  --check        read and check everything, start nothing\n"
                            "  --version, --help\n"
                            "exit: 0 asked to stop, or nothing is wrong; 1 failed, or the "
                            "configuration is wrong; 2 usage\n";

struct arguments {
    const char *config;
    bool check;
};

static bool parse(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "check", no_argument, NULL, 'k' },
        { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (o == 'c')
            a->config = optarg;
        else if (o == 'k')
            a->check = true;
        else if (o == 'v' || o == 'h') {
            fputs(o == 'v' ? "tandem-agent " TANDEM_VERSION "\n" : usage, stdout);
            exit(0);
        } else if (o == '?') {
            return false;
        }
    }
    if (!a->config)
        fputs("tandem-agent: --config FILE is missing\n", stderr);
    else if (optind < argc)
        fprintf(stderr, "tandem-agent: \"%s\" is a word too many\n", argv[optind]);
    return a->config && optind == argc;
}

static int run(const struct config_agent_file *config, const struct host_keys *keys)
{
    char file[CONFIG_NAME_MAX + 16], what[CONFIG_NAME_MAX + 8];
    snprintf(file, sizeof file, "%s.agent.lock", config->name);
    snprintf(what, sizeof what, "agent %s", config->name);
    if (!run_directory_make(config->run_directory, stderr) ||
        !run_directory_lock(config->run_directory, file, what, stderr))
        return EXIT_FAILURE;
    return host_run(config, keys);
}

static int say_well(const char *path, const struct config_agent_file *config)
{
    return printf("%s: ok: host %s of %s\n", path, config->name, config->cluster) < 0 || fflush(stdout);
}

int main(int argc, char **argv)
{
    struct arguments a = { 0 };
    struct config_agent_file *config;
    struct host_keys keys = { 0 };
    if (!parse(argc, argv, &a)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0)
        return EXIT_FAILURE;
    if (!config_load_agent(a.config, &config, stderr))
        return EXIT_FAILURE;
    int status = EXIT_FAILURE;
    bool ok = true;
    if (config->node_count) {
        ok = keyfile_identity(config->key_file, &keys.identity, stderr);
        ok = keyfile_secret(config->secret_file, &keys.secrets, stderr) && ok;
    }
    if (a.check && config->source == CONFIG_SOURCE_ETCD)
        ok = target_files_are_good(&config->etcd, a.config, stderr) && ok;
    if (ok)
        status = a.check ? say_well(a.config, config) : run(config, &keys);
    repl_identity_wipe(&keys.identity);
    repl_secrets_wipe(&keys.secrets);
    config_free_agent(config);
    return status;
}
