/* Keys that are exchanged for others while two nodes work: the link changes, and nobody misses anybody. */
#include "tests/lib/pair_lab.h"

enum { SETTLE_MS = 400 };

static struct pair *linked(void)
{
    struct pair *p = pair_open();
    pair_pass(p, SETTLE_MS);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL_FATAL(pair_view(p, i).state, REPL_MEMBER_ALIVE);
    pair_heard(p, 0, "", NULL);
    pair_heard(p, 1, "", NULL);
    return p;
}

static void take(struct pair *p, int side)
{
    core_set_keys(p->core[side], &p->keys[side], p->now);
    pair_pass(p, SETTLE_MS);
}

/* Nobody saw the other go, or be anything but alive. */
static void expect_calm(struct pair *p)
{
    uint64_t seen[2] = { p->seen[0], p->seen[1] };
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_FALSE(pair_heard(p, i, "node_state", NULL));
        p->seen[i] = seen[i];
        CU_ASSERT_FALSE(pair_heard(p, i, "cluster_auth_failed", NULL));
        p->seen[i] = seen[i];
        CU_ASSERT_FALSE(pair_heard(p, i, "digest_differs", NULL));
        CU_ASSERT_EQUAL(pair_view(p, i).state, REPL_MEMBER_ALIVE);
    }
}

static void list_next(struct pair *p, int side, int node, const uint8_t *key)
{
    struct config_node *n = &p->config[side].nodes[node];
    n->has_next_public_key = key != NULL;
    if (key)
        memcpy(n->next_public_key, key, REPL_KEY);
}

static void list_only(struct pair *p, int side, int node, const uint8_t *key)
{
    memcpy(p->config[side].nodes[node].public_key, key, REPL_KEY);
    list_next(p, side, node, NULL);
}

/* ---- a node's key ---- */

static void rotate_key(int node)
{
    struct pair *p = linked();
    struct repl_identity fresh = pair_identity();
    for (int i = 0; i < 2; i++) {
        list_next(p, i, node, fresh.public_key);
        take(p, i);
    }
    const struct core_conn *before = p->core[1 - node]->members[node + 1].link;
    p->keys[node].identity = fresh;
    take(p, node);
    CU_ASSERT_PTR_NOT_EQUAL(p->core[1 - node]->members[node + 1].link, before);
    CU_ASSERT_EQUAL(pair_view(p, 1 - node).key_use, CORE_KEY_NEXT);
    for (int i = 0; i < 2; i++) {
        list_only(p, i, node, fresh.public_key);
        take(p, i);
    }
    CU_ASSERT_EQUAL(pair_view(p, 1 - node).key_use, CORE_KEY_CURRENT);
    expect_calm(p);
    pair_free(p);
}

static void test_the_key_of_the_lower_node_is_exchanged_without_a_gap(void)
{
    rotate_key(0);
}

static void test_the_key_of_the_higher_node_is_exchanged_without_a_gap(void)
{
    rotate_key(1);
}

static void test_a_node_that_restarts_with_its_next_key_is_found(void)
{
    struct pair *p = linked();
    p->keys[1].identity = pair_identity();
    for (int i = 0; i < 2; i++)
        list_next(p, i, 1, p->keys[1].identity.public_key);
    core_set_keys(p->core[0], &p->keys[0], p->now);
    pair_kill(p, 1);
    pair_pass(p, 50);
    pair_start(p, 1);
    pair_pass(p, SETTLE_MS);
    CU_ASSERT_EQUAL(pair_view(p, 0).state, REPL_MEMBER_ALIVE);
    CU_ASSERT_EQUAL(pair_view(p, 0).key_use, CORE_KEY_NEXT);
    CU_ASSERT_EQUAL(pair_view(p, 1).state, REPL_MEMBER_ALIVE);
    pair_free(p);
}

/* The other one is not told: it says so, and the link lasts. */
static void test_a_key_that_is_used_too_early_is_named_and_harms_nobody(void)
{
    struct pair *p = linked();
    p->keys[1].identity = pair_identity();
    list_next(p, 1, 1, p->keys[1].identity.public_key);
    take(p, 1);
    CU_ASSERT_TRUE(pair_heard(p, 0, "node_key_unlisted", NULL));
    CU_ASSERT_EQUAL(pair_view(p, 0).key_use, CORE_KEY_UNKNOWN);
    CU_ASSERT_EQUAL(pair_view(p, 0).state, REPL_MEMBER_ALIVE);
    list_next(p, 0, 1, p->keys[1].identity.public_key);
    take(p, 0);
    CU_ASSERT_EQUAL(pair_view(p, 0).key_use, CORE_KEY_NEXT);
    expect_calm(p);
    pair_free(p);
}

/* The old key is taken from the list while it is in use. */
static void test_a_key_that_is_revoked_ends_its_link_at_once_and_is_no_death(void)
{
    struct pair *p = linked();
    struct repl_identity other = pair_identity();
    list_only(p, 0, 1, other.public_key);
    core_set_keys(p->core[0], &p->keys[0], p->now);
    pair_pass(p, 10);
    CU_ASSERT_TRUE(pair_heard(p, 0, "node_key_revoked", NULL));
    CU_ASSERT_PTR_NULL(p->core[0]->members[2].link);
    pair_pass(p, 3000);
    CU_ASSERT_EQUAL(pair_view(p, 0).state, REPL_MEMBER_AUTH_FAILED);
    CU_ASSERT_EQUAL(pair_view(p, 1).state, REPL_MEMBER_AUTH_FAILED);
    list_only(p, 0, 1, p->keys[1].identity.public_key);
    core_set_keys(p->core[0], &p->keys[0], p->now);
    pair_pass(p, 3000);
    CU_ASSERT_EQUAL(pair_view(p, 0).state, REPL_MEMBER_ALIVE);
    CU_ASSERT_EQUAL(pair_view(p, 1).state, REPL_MEMBER_ALIVE);
    pair_free(p);
}

/* ---- the secret ---- */

static void accept(struct pair *p, int side, const struct repl_secrets *next)
{
    p->keys[side].secrets[1] = *next;
    p->keys[side].secret_count = 2;
    take(p, side);
}

static void forget_old(struct pair *p, int side)
{
    p->keys[side].secrets[0] = p->keys[side].secrets[1];
    p->keys[side].secret_count = 1;
    take(p, side);
}

static void rotate_secret(int first)
{
    struct pair *p = linked();
    struct repl_secrets fresh = pair_secret();
    accept(p, first, &fresh);
    CU_ASSERT_EQUAL(pair_view(p, 0).secret_use, CORE_KEY_CURRENT);
    accept(p, 1 - first, &fresh);
    CU_ASSERT_EQUAL(pair_view(p, 0).secret_use, CORE_KEY_NEXT);
    CU_ASSERT_EQUAL(pair_view(p, 1).secret_use, CORE_KEY_NEXT);
    forget_old(p, first);
    CU_ASSERT_EQUAL(pair_view(p, first).secret_use, CORE_KEY_CURRENT);
    forget_old(p, 1 - first);
    CU_ASSERT_EQUAL(pair_view(p, 1 - first).secret_use, CORE_KEY_CURRENT);
    CU_ASSERT_TRUE(pair_view(p, 0).has_digest && pair_view(p, 0).digest_equal);
    expect_calm(p);
    pair_free(p);
}

static void test_the_secret_is_exchanged_without_a_gap_whoever_begins(void)
{
    rotate_secret(0);
    rotate_secret(1);
}

static void test_nodes_with_one_secret_in_common_find_each_other(void)
{
    struct pair *p = linked();
    struct repl_secrets fresh = pair_secret();
    accept(p, 0, &fresh);
    pair_kill(p, 1);
    p->keys[1].secrets[0] = fresh;
    pair_pass(p, 50);
    pair_start(p, 1);
    pair_pass(p, SETTLE_MS);
    CU_ASSERT_EQUAL(pair_view(p, 0).state, REPL_MEMBER_ALIVE);
    CU_ASSERT_EQUAL(pair_view(p, 0).secret_use, CORE_KEY_NEXT);
    pair_free(p);
}

static void test_a_secret_that_only_one_has_is_refused_and_is_no_death(void)
{
    struct pair *p = linked();
    p->keys[0].secrets[0] = pair_secret();
    core_set_keys(p->core[0], &p->keys[0], p->now);
    pair_pass(p, 3000);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(pair_view(p, i).state, REPL_MEMBER_AUTH_FAILED);
    pair_free(p);
}

/* ---- the digest ---- */

static bool has_digest(const struct core *c, const struct repl_digest *wanted)
{
    uint8_t kept[REPL_DIGEST], whole[REPL_DIGEST];
    repl_digest_write(&c->digest, kept);
    repl_digest_write(wanted, whole);
    return c->digest.form == wanted->form && memcmp(kept, whole, sizeof kept) == 0;
}

static void test_the_digest_goes_over_to_another_key_in_slices(void)
{
    struct pair *p = linked();
    struct core *c = p->core[0];
    struct repl_digest wanted;
    enum { ROUTES = 10000 };
    pair_program(c, ROUTES);
    p->keys[0].secrets[0] = pair_secret();
    core_set_keys(c, &p->keys[0], p->now);
    core_keys_tick(c);
    CU_ASSERT_TRUE(c->rekey.is_on);
    p->keys[0].secrets[0] = pair_secret(); /* and another one, before it is there */
    repl_digest_init(&wanted, REPL_DIGEST_PRODUCT, p->keys[0].secrets[0].digest_key);
    for (uint32_t net = 1; net <= ROUTES; net++) {
        struct ip_prefix prefix;
        prefix_table_prefix(&c->rib.nets, net, &prefix);
        repl_digest_add(&wanted, &prefix, nhset_get(&c->rib.sets, rib_net_nhset(&c->rib, net)));
    }
    core_set_keys(c, &p->keys[0], p->now);
    core_keys_tick(c);
    CU_ASSERT_TRUE(c->rekey.is_on);
    CU_ASSERT_FALSE(core_digest_is_comparable(c));
    for (int i = 0; i < 8 && c->rekey.is_on; i++)
        core_keys_tick(c);
    CU_ASSERT_FALSE(c->rekey.is_on);
    CU_ASSERT_TRUE(has_digest(c, &wanted));
    pair_unprogram(c);
    pair_free(p);
}

CU_MAIN("core keys", CU_CASE(test_the_key_of_the_lower_node_is_exchanged_without_a_gap),
        CU_CASE(test_the_key_of_the_higher_node_is_exchanged_without_a_gap),
        CU_CASE(test_a_node_that_restarts_with_its_next_key_is_found),
        CU_CASE(test_a_key_that_is_used_too_early_is_named_and_harms_nobody),
        CU_CASE(test_a_key_that_is_revoked_ends_its_link_at_once_and_is_no_death),
        CU_CASE(test_the_secret_is_exchanged_without_a_gap_whoever_begins),
        CU_CASE(test_nodes_with_one_secret_in_common_find_each_other),
        CU_CASE(test_a_secret_that_only_one_has_is_refused_and_is_no_death),
        CU_CASE(test_the_digest_goes_over_to_another_key_in_slices))
