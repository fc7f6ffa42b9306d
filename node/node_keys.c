#include "node/node_keys.h"

#include <stdlib.h>
#include <string.h>

#include "node/keyfile.h"

static bool is_listed(const struct config_node *n, const uint8_t *key)
{
    return !n->has_public_key || memcmp(n->public_key, key, REPL_KEY) == 0 ||
           (n->has_next_public_key && memcmp(n->next_public_key, key, REPL_KEY) == 0);
}

static bool read_identity(const struct config *config, const struct config_node *node, struct node_keys *out,
                          FILE *errors)
{
    char *path = config_key_file(config, node->name), text[REPL_PUBLIC_TEXT];
    struct repl_identity *id = &out->cluster.identity;
    if (!path) {
        fprintf(errors, "%s: error: cluster.keyFile is needed: agents are authenticated\n", config->path);
        return false;
    }
    bool is_read = keyfile_identity(path, id, errors), is_good = is_read && is_listed(node, id->public_key);
    if (is_read && !is_good) {
        repl_public_format(id->public_key, text);
        fprintf(errors,
                "%s: error: nodes: %s of %s is not that of %s; it should be\n    publicKey: %s\n"
                "    or, to take this key while the others still know the old one: nextPublicKey\n",
                config->path, node->has_next_public_key ? "neither publicKey nor nextPublicKey" : "publicKey",
                node->name, path, text);
    }
    free(path);
    return is_good;
}

static bool read_secrets(const struct config *config, struct core_keys *out, FILE *errors)
{
    bool ok = keyfile_secret(config->secret_file, &out->secrets[0], errors);
    out->secret_count = 1;
    if (!config->next_secret_file)
        return ok;
    ok = keyfile_secret(config->next_secret_file, &out->secrets[1], errors) && ok;
    if (ok && memcmp(out->secrets[0].psk, out->secrets[1].psk, REPL_KEY) == 0) {
        fprintf(errors, "%s: error: cluster.nextSecretFile: it has the same secret as %s\n", config->path,
                config->secret_file);
        return false;
    }
    out->secret_count = 2;
    return ok;
}

bool node_keys_load(const struct config *config, const struct config_node *node, struct node_keys *out,
                    FILE *errors)
{
    bool ok = true;
    *out = (struct node_keys){ .clustered = config->node_count > 1,
                               .has_agents = config->agent_secret_file != NULL };
    if (out->clustered || out->has_agents)
        ok = read_identity(config, node, out, errors);
    if (out->clustered)
        ok = read_secrets(config, &out->cluster, errors) && ok;
    if (out->has_agents)
        ok = keyfile_secret(config->agent_secret_file, &out->agent_secrets, errors) && ok;
    ok = api_token_read(config->api_token_file, &out->api_token, errors) && ok;
    if (!ok)
        node_keys_wipe(out);
    return ok;
}

void node_keys_wipe(struct node_keys *k)
{
    explicit_bzero(k, sizeof *k);
}

static bool has_secret(const struct core_keys *k, const struct repl_secrets *s)
{
    for (size_t i = 0; i < k->secret_count; i++)
        if (memcmp(k->secrets[i].psk, s->psk, REPL_KEY) == 0)
            return true;
    return false;
}

static bool has_all_secrets(const struct core_keys *k, const struct core_keys *of)
{
    for (size_t i = 0; i < of->secret_count; i++)
        if (!has_secret(k, &of->secrets[i]))
            return false;
    return true;
}

size_t node_keys_tell_changes(const struct node_keys *is, const struct node_keys *next, FILE *out)
{
    size_t count = 0;
    if (memcmp(is->cluster.identity.public_key, next->cluster.identity.public_key, REPL_KEY) != 0)
        count += fprintf(out, "keyFile: another node key; links are replaced one by one\n") > 0;
    if (!has_all_secrets(&is->cluster, &next->cluster))
        count += fprintf(out, "cluster: a new secret is accepted, and used with who knows it\n") > 0;
    if (!has_all_secrets(&next->cluster, &is->cluster))
        count += fprintf(out, "cluster: a secret is not accepted any more\n") > 0;
    if (memcmp(&is->api_token, &next->api_token, sizeof is->api_token) != 0)
        count += fprintf(out, "api: another token\n") > 0;
    return count;
}
