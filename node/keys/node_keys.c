#include "node/keys/node_keys.h"

#include <stdlib.h>
#include <string.h>

#include "node/keys/keyfile.h"

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

/* One secret, or two while it is rotated; section is where the file names them. */
struct secret_files {
    const char *section, *current, *next;
};

static bool read_secrets(const char *config, const struct secret_files *f, struct repl_secrets *out, size_t *count,
                         FILE *errors)
{
    bool ok = keyfile_secret(f->current, &out[0], errors);
    *count = 1;
    if (!f->next)
        return ok;
    ok = keyfile_secret(f->next, &out[1], errors) && ok;
    if (ok && memcmp(out[0].psk, out[1].psk, REPL_KEY) == 0) {
        fprintf(errors, "%s: error: %s.nextSecretFile: it has the same secret as %s\n", config, f->section, f->current);
        return false;
    }
    *count = 2;
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
    const struct secret_files cluster = { "cluster", config->secret_file, config->next_secret_file };
    const struct secret_files agents = { "agents", config->agent_secret_file, config->next_agent_secret_file };
    struct core_keys *k = &out->cluster;
    if (out->clustered)
        ok = read_secrets(config->path, &cluster, k->secrets, &k->secret_count, errors) && ok;
    if (out->has_agents)
        ok = read_secrets(config->path, &agents, k->agent_secrets, &k->agent_secret_count, errors) && ok;
    ok = api_token_read(config->api_token_file, &out->api_token, errors) && ok;
    if (!ok)
        node_keys_wipe(out);
    return ok;
}

void node_keys_wipe(struct node_keys *k)
{
    explicit_bzero(k, sizeof *k);
}

struct secrets {
    const struct repl_secrets *list;
    size_t count;
};

static bool has_secret(const struct secrets *in, const struct repl_secrets *s)
{
    for (size_t i = 0; i < in->count; i++)
        if (memcmp(in->list[i].psk, s->psk, REPL_KEY) == 0)
            return true;
    return false;
}

static bool has_all_secrets(const struct secrets *in, const struct secrets *of)
{
    for (size_t i = 0; i < of->count; i++)
        if (!has_secret(in, &of->list[i]))
            return false;
    return true;
}

static size_t tell_secrets(const struct secrets *is, const struct secrets *next, const char *section,
                           const char *who, FILE *out)
{
    size_t count = 0;
    if (!has_all_secrets(is, next))
        count += fprintf(out, "%s: a new secret is accepted%s\n", section, who) > 0;
    if (!has_all_secrets(next, is))
        count += fprintf(out, "%s: a secret is not accepted any more\n", section) > 0;
    return count;
}

size_t node_keys_tell_changes(const struct node_keys *is, const struct node_keys *next, FILE *out)
{
    size_t count = 0;
    if (memcmp(is->cluster.identity.public_key, next->cluster.identity.public_key, REPL_KEY) != 0)
        count += fprintf(out, "keyFile: another node key; links are replaced one by one\n") > 0;
    count += tell_secrets(&(struct secrets){ is->cluster.secrets, is->cluster.secret_count },
                          &(struct secrets){ next->cluster.secrets, next->cluster.secret_count }, "cluster",
                          ", and used with who knows it", out);
    count += tell_secrets(&(struct secrets){ is->cluster.agent_secrets, is->cluster.agent_secret_count },
                          &(struct secrets){ next->cluster.agent_secrets, next->cluster.agent_secret_count }, "agents",
                          ", and used by agents that are started with it", out);
    if (memcmp(&is->api_token, &next->api_token, sizeof is->api_token) != 0)
        count += fprintf(out, "api: another token\n") > 0;
    return count;
}
