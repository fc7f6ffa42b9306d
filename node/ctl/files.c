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

static void print_id(const char *what, const uint8_t *id, size_t len)
{
    printf("%s ", what);
    for (size_t i = 0; i < len; i++)
        printf("%02x", id[i]);
    putchar('\n');
}

static void print_identity(const struct repl_identity *identity)
{
    char text[REPL_PUBLIC_TEXT];
    uint8_t id[REPL_KEY_ID];
    repl_key_id(identity->public_key, id);
    repl_public_format(identity->public_key, text);
    print_id("node key", id, sizeof id);
    printf("public   %s\n", text);
}

/* By what nodes and logs call it: two files can be compared without showing them to anybody. */
int verb_key_show(const struct ctl *c)
{
    struct repl_identity identity = { 0 };
    struct repl_secrets secrets = { 0 };
    if (!ctl_takes(c, 1, 1, "key show FILE"))
        return CTL_USAGE;
    FILE *quiet = fopen("/dev/null", "we");
    if (sodium_init() < 0 || !quiet)
        return ctl_fail(CTL_FAILED, "the system gives no random numbers");
    bool is_secret = keyfile_secret(c->argv[0], &secrets, quiet);
    fclose(quiet);
    if (is_secret)
        print_id("secret  ", secrets.psk_id, sizeof secrets.psk_id);
    else if (keyfile_identity(c->argv[0], &identity, stderr))
        print_identity(&identity);
    else
        return CTL_FAILED;
    repl_secrets_wipe(&secrets);
    repl_identity_wipe(&identity);
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
