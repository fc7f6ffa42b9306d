#include "replication/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/hex.h"

/* A key pair of the published Noise vectors (see test_noise.c). */
static const char secret_hex[] = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
static const char public_hex[] = "6bc3822a2aa7f4e6981d6538692b3cdf3e6df9eea6ed269eb41d93c22757b75a";

static const char secret_text[] = "tandem-secret 1 AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n";

static bool is_zero(const void *data, size_t len)
{
    return sodium_is_zero(data, len) == 1;
}

static void test_the_public_half_is_that_of_the_vectors(void)
{
    struct repl_identity id;
    uint8_t secret[REPL_KEY], wanted[REPL_KEY];
    char base64[REPL_PUBLIC_TEXT], text[REPL_KEY_TEXT];
    hex(secret, sizeof secret, secret_hex);
    hex(wanted, sizeof wanted, public_hex);
    sodium_bin2base64(base64, sizeof base64, secret, sizeof secret, sodium_base64_VARIANT_ORIGINAL);
    snprintf(text, sizeof text, "tandem-node-key 1 %s\n", base64);
    CU_ASSERT_EQUAL(repl_identity_parse(text, &id), 0);
    CU_ASSERT_EQUAL(memcmp(id.public_key, wanted, REPL_KEY), 0);
}

static void test_a_new_identity_reads_back_and_no_two_are_alike(void)
{
    char a[REPL_KEY_TEXT], b[REPL_KEY_TEXT];
    struct repl_identity x, y;
    repl_identity_new(a);
    repl_identity_new(b);
    CU_ASSERT_EQUAL(repl_identity_parse(a, &x), 0);
    CU_ASSERT_EQUAL(repl_identity_parse(b, &y), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(&x, &y, sizeof x), 0);
}

static void test_a_public_key_reads_back_as_text(void)
{
    uint8_t key[REPL_KEY], back[REPL_KEY];
    char text[REPL_PUBLIC_TEXT];
    hex(key, sizeof key, public_hex);
    repl_public_format(key, text);
    CU_ASSERT_EQUAL(strlen(text), REPL_PUBLIC_TEXT - 1);
    CU_ASSERT_EQUAL(repl_public_parse(text, back), 0);
    CU_ASSERT_EQUAL(memcmp(key, back, REPL_KEY), 0);
}

static void test_white_space_at_the_end_is_allowed(void)
{
    struct repl_secrets s;
    char text[REPL_KEY_TEXT];
    snprintf(text, sizeof text, "%s \r\n\n", secret_text);
    CU_ASSERT_EQUAL(repl_secret_parse(text, &s), 0);
}

static void test_other_texts_are_refused_and_nothing_is_kept(void)
{
    static const char *const texts[] = {
        "",
        "tandem-secret 1 ",
        "tandem-secret 2 AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n",
        "tandem-node-key 1 AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n",
        "tandem-secret 1 AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==\n",     /* 31 bytes */
        "tandem-secret 1 AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh\n",     /* 33 bytes */
        "tandem-secret 1 AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA= x\n",
        "tandem-secret 1 AQIDBAUGBwgJ*gsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct repl_secrets s;
        memset(&s, 0xaa, sizeof s);
        CU_ASSERT_EQUAL(repl_secret_parse(texts[i], &s), BGP_ERR_PARSE);
        CU_ASSERT_TRUE(is_zero(&s, sizeof s));
    }
}

static void test_a_cluster_secret_is_no_node_key(void)
{
    struct repl_identity id;
    CU_ASSERT_EQUAL(repl_identity_parse(secret_text, &id), BGP_ERR_PARSE);
    CU_ASSERT_TRUE(is_zero(id.secret_key, REPL_KEY));
}

/* A PSK must not be used outside Noise (revision 34, section 9): each use has a key of its own. */
static void test_derived_keys_differ_from_the_secret_and_from_each_other(void)
{
    struct repl_secrets s;
    uint8_t master[REPL_KEY];
    for (uint8_t i = 0; i < REPL_KEY; i++)
        master[i] = (uint8_t)(i + 1);
    CU_ASSERT_EQUAL(repl_secret_parse(secret_text, &s), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(s.psk, master, REPL_KEY), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(s.mac_key, master, REPL_KEY), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(s.psk, s.mac_key, REPL_KEY), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(s.psk, s.digest_key, sizeof s.digest_key), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(s.psk, s.psk_id, sizeof s.psk_id), 0);
}

/* Two builds must agree on what they derive: these values are part of the protocol. */
static void test_what_is_derived_never_changes(void)
{
    struct repl_secrets s;
    uint8_t wanted[REPL_KEY];
    CU_ASSERT_EQUAL(repl_secret_parse(secret_text, &s), 0);
    hex(wanted, sizeof wanted, "328f277740d7f71f5b7e5f7c624304c13e97b8c13bffcab42f06b659db3e028b");
    CU_ASSERT_EQUAL(memcmp(s.psk, wanted, REPL_KEY), 0);
    hex(wanted, sizeof wanted, "c360d6fe3324501e3390225daa3b235e9228c687f487ca8a3567b564c072b43c");
    CU_ASSERT_EQUAL(memcmp(s.mac_key, wanted, REPL_KEY), 0);
    hex(wanted, sizeof wanted, "61e327a0");
    CU_ASSERT_EQUAL(memcmp(s.psk_id, wanted, sizeof s.psk_id), 0);
}

static void test_a_key_id_is_the_start_of_a_hash_of_the_public_key(void)
{
    uint8_t key[REPL_KEY], id[REPL_KEY_ID], hash[32];
    hex(key, sizeof key, public_hex);
    repl_key_id(key, id);
    crypto_generichash(hash, sizeof hash, key, sizeof key, NULL, 0);
    CU_ASSERT_EQUAL(memcmp(id, hash, REPL_KEY_ID), 0);
}

static void test_cluster_ids_follow_the_name(void)
{
    uint8_t a[16], b[16], c[16];
    repl_cluster_id("hub-rs", a);
    repl_cluster_id("hub-rs", b);
    repl_cluster_id("hub-rs2", c);
    CU_ASSERT_EQUAL(memcmp(a, b, 16), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(a, c, 16), 0);
}

static void test_wiping_leaves_nothing(void)
{
    struct repl_secrets s;
    struct repl_identity id;
    char text[REPL_KEY_TEXT];
    repl_identity_new(text);
    CU_ASSERT_EQUAL(repl_identity_parse(text, &id), 0);
    CU_ASSERT_EQUAL(repl_secret_parse(secret_text, &s), 0);
    repl_identity_wipe(&id);
    repl_secrets_wipe(&s);
    CU_ASSERT_TRUE(is_zero(&id, sizeof id));
    CU_ASSERT_TRUE(is_zero(&s, sizeof s));
}

CU_MAIN("keys", CU_CASE(test_the_public_half_is_that_of_the_vectors),
        CU_CASE(test_a_new_identity_reads_back_and_no_two_are_alike),
        CU_CASE(test_a_public_key_reads_back_as_text), CU_CASE(test_white_space_at_the_end_is_allowed),
        CU_CASE(test_other_texts_are_refused_and_nothing_is_kept),
        CU_CASE(test_a_cluster_secret_is_no_node_key),
        CU_CASE(test_derived_keys_differ_from_the_secret_and_from_each_other),
        CU_CASE(test_what_is_derived_never_changes),
        CU_CASE(test_a_key_id_is_the_start_of_a_hash_of_the_public_key),
        CU_CASE(test_cluster_ids_follow_the_name), CU_CASE(test_wiping_leaves_nothing))
