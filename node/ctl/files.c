/* Verbs that need no daemon: keys and configuration files. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/config/config.h"
#include "node/ctl/ctl.h"
#include "node/keyfile.h"

int verb_key_new(const struct ctl *c)
{
    char text[REPL_KEY_TEXT], public_text[REPL_PUBLIC_TEXT];
    struct repl_identity identity;
    if (!ctl_takes(c, 1, 1, "key new [--secret] FILE"))
        return CTL_USAGE;
    if (sodium_init() < 0)
        return ctl_fail(CTL_FAILED, "the system gives no random numbers");
    if (c->secret)
        repl_secret_new(text);
    else
        repl_identity_new(text);
    bool ok = keyfile_write(c->argv[0], text, stderr);
    if (ok && !c->secret && !repl_identity_parse(text, &identity)) {
        repl_public_format(identity.public_key, public_text);
        puts(public_text);
        repl_identity_wipe(&identity);
    }
    sodium_memzero(text, sizeof text);
    return ok ? CTL_OK : CTL_FAILED;
}

int verb_key_public(const struct ctl *c)
{
    char text[REPL_PUBLIC_TEXT];
    struct repl_identity identity;
    if (!ctl_takes(c, 1, 1, "key public FILE"))
        return CTL_USAGE;
    if (sodium_init() < 0 || !keyfile_identity(c->argv[0], &identity, stderr))
        return CTL_FAILED;
    repl_public_format(identity.public_key, text);
    repl_identity_wipe(&identity);
    puts(text);
    return CTL_OK;
}

int verb_config_check(const struct ctl *c)
{
    struct config *config;
    if (!ctl_takes(c, 1, 1, "config check FILE"))
        return CTL_USAGE;
    if (!config_load(c->argv[0], &config, stderr))
        return CTL_PROBLEMS;
    if (c->output == CTL_TABLE || c->output == CTL_WIDE)
        printf("%s: ok: %s, %zu nodes, %zu peers, %zu targets\n", c->argv[0], config->name,
               config->node_count, config->peer_count, config->target_count);
    config_free(config);
    return CTL_OK;
}
