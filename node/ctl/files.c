/* Verbs that need no daemon: keys and configuration files. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/config/config.h"
#include "node/ctl/ctl.h"
#include "node/keys/keyfile.h"

static int print_object(const struct ctl *c, json_t *take_object)
{
    int code = ctl_print_json(c, take_object);
    json_decref(take_object);
    return code;
}

static int print_public(const struct ctl *c, const char *text)
{
    if (ctl_wants_json(c))
        return print_object(c, json_pack("{s:s}", "publicKey", text));
    puts(text);
    return CTL_OK;
}

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
        print_public(c, public_text);
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
    return print_public(c, text);
}

static int print_key(const struct ctl *c, const char *kind, const uint8_t *id, size_t len, const char *public_half)
{
    char hex[2 * REPL_KEY_ID + 1];
    sodium_bin2hex(hex, sizeof hex, id, len);
    if (ctl_wants_json(c))
        return print_object(c, json_pack("{s:s, s:s, s:s?}", "kind", kind, "id", hex, "publicKey", public_half));
    printf("%-8s %s\n", kind, hex);
    if (public_half)
        printf("public   %s\n", public_half);
    return CTL_OK;
}

static int print_identity(const struct ctl *c, const struct repl_identity *identity)
{
    char text[REPL_PUBLIC_TEXT];
    uint8_t id[REPL_KEY_ID];
    repl_key_id(identity->public_key, id);
    repl_public_format(identity->public_key, text);
    return print_key(c, "node key", id, sizeof id, text);
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
    int code = CTL_FAILED;
    if (is_secret)
        code = print_key(c, "secret", secrets.psk_id, sizeof secrets.psk_id, NULL);
    else if (keyfile_identity(c->argv[0], &identity, stderr))
        code = print_identity(c, &identity);
    repl_secrets_wipe(&secrets);
    repl_identity_wipe(&identity);
    return code;
}

enum { COUNT_TEXT = 40 };

static const char *count_of(const char *thing, size_t count, char text[static COUNT_TEXT])
{
    snprintf(text, COUNT_TEXT, "%zu %s%s", count, thing, count == 1 ? "" : "s");
    return text;
}

int verb_config_check(const struct ctl *c)
{
    struct config *config;
    char nodes[COUNT_TEXT], peers[COUNT_TEXT], targets[COUNT_TEXT];
    if (!ctl_takes(c, 1, 1, "config check FILE"))
        return CTL_USAGE;
    if (!config_load(c->argv[0], &config, stderr))
        return CTL_PROBLEMS;
    int code = CTL_OK;
    if (ctl_wants_json(c))
        code = print_object(c, json_pack("{s:s, s:I, s:I, s:I}", "name", config->name, "nodes", (json_int_t)config->node_count,
                                         "peers", (json_int_t)config->peer_count, "targets",
                                         (json_int_t)config->target_count));
    else
        printf("%s: ok: %s, %s, %s, %s\n", c->argv[0], config->name, count_of("node", config->node_count, nodes),
               count_of("peer", config->peer_count, peers), count_of("target", config->target_count, targets));
    config_free(config);
    return code;
}
