/* Keys out of files: what is taken, and what is said of what is not. */
#include "node/keys/node_keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/keys/keyfile.h"
#include "tests/lib/cu.h"

struct desk {
    char directory[32], key[64], secret[64], next[64], said[2048];
    struct config config;
    struct node_keys keys;
    struct repl_identity identity;
};

static void write_new(const char *path, void (*make)(char *text))
{
    char text[REPL_KEY_TEXT];
    unlink(path);
    make(text);
    CU_ASSERT_TRUE_FATAL(keyfile_write(path, text, stdout));
}

static void begin(struct desk *d)
{
    *d = (struct desk){ .directory = "/tmp/tandem-keys-XXXXXX" };
    CU_ASSERT_TRUE_FATAL(sodium_init() >= 0 && mkdtemp(d->directory));
    snprintf(d->key, sizeof d->key, "%s/key", d->directory);
    snprintf(d->secret, sizeof d->secret, "%s/secret", d->directory);
    snprintf(d->next, sizeof d->next, "%s/next", d->directory);
    write_new(d->key, repl_identity_new);
    write_new(d->secret, repl_secret_new);
    write_new(d->next, repl_secret_new);
    CU_ASSERT_TRUE_FATAL(keyfile_identity(d->key, &d->identity, stdout));
    static char path[] = "file";
    d->config = (struct config){ .path = path, .key_file = d->key, .secret_file = d->secret,
                                 .node_count = 2 };
    d->config.nodes[0] = (struct config_node){ .name = "a", .id = 1, .has_public_key = true };
    memcpy(d->config.nodes[0].public_key, d->identity.public_key, REPL_KEY);
}

static bool load(struct desk *d, struct node_keys *out)
{
    memset(d->said, 0, sizeof d->said);
    FILE *errors = fmemopen(d->said, sizeof d->said - 1, "w");
    bool ok = node_keys_load(&d->config, &d->config.nodes[0], out, errors);
    fclose(errors);
    return ok;
}

static void end(struct desk *d)
{
    unlink(d->key);
    unlink(d->secret);
    unlink(d->next);
    rmdir(d->directory);
}

static void test_a_key_is_taken_as_the_current_or_the_next_one(void)
{
    struct desk d;
    begin(&d);
    CU_ASSERT_TRUE(load(&d, &d.keys));
    CU_ASSERT_EQUAL(d.keys.cluster.secret_count, 1);
    struct config_node *n = &d.config.nodes[0];
    memcpy(n->next_public_key, n->public_key, REPL_KEY);
    n->public_key[0] ^= 1;
    CU_ASSERT_FALSE(load(&d, &d.keys));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.said, "file: error: nodes: publicKey of a is not that of "));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.said, "nextPublicKey"));
    n->has_next_public_key = true;
    CU_ASSERT_TRUE(load(&d, &d.keys));
    n->next_public_key[0] ^= 1;
    CU_ASSERT_FALSE(load(&d, &d.keys));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.said, "neither publicKey nor nextPublicKey of a"));
    end(&d);
}

static void test_the_next_secret_is_another_one(void)
{
    struct desk d;
    begin(&d);
    d.config.next_secret_file = d.next;
    CU_ASSERT_TRUE(load(&d, &d.keys));
    CU_ASSERT_EQUAL(d.keys.cluster.secret_count, 2);
    d.config.next_secret_file = d.secret;
    CU_ASSERT_FALSE(load(&d, &d.keys));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.said, "cluster.nextSecretFile: it has the same secret as"));
    end(&d);
}

static void test_agents_may_use_either_of_two_secrets(void)
{
    struct desk d;
    begin(&d);
    d.config.agent_secret_file = d.secret;
    CU_ASSERT_TRUE(load(&d, &d.keys));
    CU_ASSERT_EQUAL(d.keys.cluster.agent_secret_count, 1);
    d.config.next_agent_secret_file = d.next;
    CU_ASSERT_TRUE(load(&d, &d.keys));
    CU_ASSERT_EQUAL(d.keys.cluster.agent_secret_count, 2);
    d.config.next_agent_secret_file = d.secret;
    CU_ASSERT_FALSE(load(&d, &d.keys));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.said, "agents.nextSecretFile: it has the same secret as"));
    end(&d);
}

static void test_every_file_that_cannot_be_used_is_named(void)
{
    struct desk d;
    begin(&d);
    d.config.next_secret_file = d.next;
    chmod(d.secret, 0644);
    unlink(d.next);
    CU_ASSERT_FALSE(load(&d, &d.keys));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.said, "/secret: error: others may read this secret"));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.said, "/next: error: No such file"));
    CU_ASSERT_EQUAL(d.keys.cluster.secret_count, 0);
    end(&d);
}

static void tell(struct desk *d, const struct node_keys *next)
{
    memset(d->said, 0, sizeof d->said);
    FILE *out = fmemopen(d->said, sizeof d->said - 1, "w");
    node_keys_tell_changes(&d->keys, next, out);
    fclose(out);
}

static void test_what_is_in_the_files_now_is_told_in_words(void)
{
    struct desk d;
    struct node_keys next;
    begin(&d);
    CU_ASSERT_TRUE_FATAL(load(&d, &d.keys));
    tell(&d, &d.keys);
    CU_ASSERT_STRING_EQUAL(d.said, "");
    d.config.next_secret_file = d.next;
    CU_ASSERT_TRUE_FATAL(load(&d, &next));
    tell(&d, &next);
    CU_ASSERT_STRING_EQUAL(d.said, "cluster: a new secret is accepted, and used with who knows it\n");
    d.keys = next;
    d.config.secret_file = d.next;
    d.config.next_secret_file = NULL;
    d.config.nodes[0].has_public_key = false;
    write_new(d.key, repl_identity_new);
    CU_ASSERT_TRUE_FATAL(load(&d, &next));
    tell(&d, &next);
    CU_ASSERT_STRING_EQUAL(d.said, "keyFile: another node key; links are replaced one by one\n"
                                   "cluster: a secret is not accepted any more\n");
    end(&d);
}

CU_MAIN("node keys", CU_CASE(test_a_key_is_taken_as_the_current_or_the_next_one),
        CU_CASE(test_the_next_secret_is_another_one), CU_CASE(test_agents_may_use_either_of_two_secrets), CU_CASE(test_every_file_that_cannot_be_used_is_named),
        CU_CASE(test_what_is_in_the_files_now_is_told_in_words))
