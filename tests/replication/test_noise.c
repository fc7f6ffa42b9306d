/* Noise_KKpsk0_25519_ChaChaPoly_SHA512 against the published vector of that name in the cacophony set
 * (https://github.com/haskell-cryptography/cacophony, vectors/cacophony.txt), and what must be refused. */
#include "replication/noise.h"

#include <sodium.h>
#include <string.h>

#include "tests/lib/cu.h"
#include "tests/lib/hex.h"

static const char prologue_hex[] = "4a6f686e2047616c74";
static const char psk_hex[] = "54686973206973206d7920417573747269616e20706572737065637469766521";
static const char init_static_hex[] = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
static const char init_public_hex[] = "6bc3822a2aa7f4e6981d6538692b3cdf3e6df9eea6ed269eb41d93c22757b75a";
static const char init_ephemeral_hex[] = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
static const char resp_static_hex[] = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
static const char resp_public_hex[] = "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
static const char resp_ephemeral_hex[] = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
static const char hash_hex[] = "f3be8a927f01f5e1518383fc386cbd8283cc5fe28d2afc0937839f023b4095eb"
                               "fa5314f9416a98279bcd036a9d4fd905cb680c1c1caa836626ecac95e1912c7f";

/* The handshake's two messages, then two in each direction under the split keys. */
static const struct {
    const char *payload, *ciphertext;
} messages[] = {
    { "4c756477696720766f6e204d69736573",
      "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
      "f7a7396c660f77169cd104440f82a27e44cadaf9af9421d0ed4396ac7c166d34" },
    { "4d757272617920526f746862617264",
      "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
      "f0583bceca083841478bbda5e65171f09862009cf9d77c42e200715e38682b" },
    { "462e20412e20486179656b", "6224c10bc64fba7a6d2a748f1cc8bb67ad647898093003504e8a02" },
    { "4361726c204d656e676572", "ea0cae99bf3ededeabc5321f5f65a768bdf4d4e72707a9e4628032" },
    { "4a65616e2d426170746973746520536179",
      "cee684886d3e34990724a4ca507109bfbfee7342271ee2ada3ed5f8bf35e749fcb" },
    { "457567656e2042f6686d20766f6e2042617765726b",
      "25a9ceab713728113274921297ace9273811c80a35ebf1a6bae7a482f1b6388d3eaf920b9a" },
};

struct sides {
    struct noise init, resp;
    uint8_t first[128], second[128]; /* messages on the wire */
    size_t first_len, second_len;
};

static void key(uint8_t out[NOISE_KEY], const char *text)
{
    CU_ASSERT_EQUAL(hex(out, NOISE_KEY, text), NOISE_KEY);
}

static void begin_one(struct noise *n, bool initiator, const char *secret, const char *public,
                      const char *peer)
{
    uint8_t own_secret[NOISE_KEY], own_public[NOISE_KEY], peer_public[NOISE_KEY], psk[NOISE_KEY];
    uint8_t prologue[16];
    size_t len = hex(prologue, sizeof prologue, prologue_hex);
    key(own_secret, secret);
    key(own_public, public);
    key(peer_public, peer);
    key(psk, psk_hex);
    noise_init(n, initiator, prologue, len, own_secret, own_public, peer_public, psk);
}

static void begin(struct sides *s)
{
    *s = (struct sides){ 0 };
    begin_one(&s->init, true, init_static_hex, init_public_hex, resp_public_hex);
    begin_one(&s->resp, false, resp_static_hex, resp_public_hex, init_public_hex);
}

static void write_message(struct noise *n, int number, const char *ephemeral, uint8_t *out,
                          size_t *out_len)
{
    uint8_t secret[NOISE_KEY], payload[32], wanted[128];
    size_t len = hex(payload, sizeof payload, messages[number].payload);
    key(secret, ephemeral);
    CU_ASSERT_TRUE(noise_write(n, secret, payload, len, out));
    *out_len = hex(wanted, sizeof wanted, messages[number].ciphertext);
    CU_ASSERT_EQUAL(*out_len, len + NOISE_OVERHEAD);
    CU_ASSERT_EQUAL(memcmp(out, wanted, *out_len), 0);
}

static void read_message(struct noise *n, int number, const uint8_t *message, size_t len)
{
    uint8_t payload[32], wanted[32];
    size_t wanted_len = hex(wanted, sizeof wanted, messages[number].payload);
    CU_ASSERT_TRUE(noise_read(n, message, len, payload));
    CU_ASSERT_EQUAL(memcmp(payload, wanted, wanted_len), 0);
}

static void first_message(struct sides *s)
{
    write_message(&s->init, 0, init_ephemeral_hex, s->first, &s->first_len);
}

static void shake_hands(struct sides *s)
{
    first_message(s);
    read_message(&s->resp, 0, s->first, s->first_len);
    write_message(&s->resp, 1, resp_ephemeral_hex, s->second, &s->second_len);
    read_message(&s->init, 1, s->second, s->second_len);
}

static void test_both_messages_are_bit_exact(void)
{
    struct sides s;
    begin(&s);
    shake_hands(&s);
}

static void test_both_sides_end_with_the_published_handshake_hash(void)
{
    struct sides s;
    uint8_t wanted[NOISE_HASH];
    begin(&s);
    shake_hands(&s);
    hex(wanted, sizeof wanted, hash_hex);
    CU_ASSERT_EQUAL(memcmp(s.init.hash, wanted, NOISE_HASH), 0);
    CU_ASSERT_EQUAL(memcmp(s.resp.hash, wanted, NOISE_HASH), 0);
}

/* The transport messages of the vector prove the split: keys, their direction, their independence. */
static void test_split_keys_open_the_published_transport_messages(void)
{
    struct sides s;
    uint8_t keys[2][NOISE_KEY], others[2][NOISE_KEY];
    begin(&s);
    shake_hands(&s);
    noise_split(&s.init, keys[0], keys[1]);
    noise_split(&s.resp, others[0], others[1]);
    CU_ASSERT_EQUAL(memcmp(keys, others, sizeof keys), 0);
    for (int i = 2; i < 6; i++) {
        uint8_t cipher[64], plain[64], wanted[64], nonce[12] = { 0, 0, 0, 0, (uint8_t)((i - 2) / 2) };
        size_t len = hex(cipher, sizeof cipher, messages[i].ciphertext);
        size_t wanted_len = hex(wanted, sizeof wanted, messages[i].payload);
        CU_ASSERT_EQUAL(crypto_aead_chacha20poly1305_ietf_decrypt(plain, NULL, NULL, cipher, len, NULL,
                                                                  0, nonce, keys[i % 2]),
                        0);
        CU_ASSERT_EQUAL(memcmp(plain, wanted, wanted_len), 0);
    }
}

static void test_a_changed_byte_anywhere_in_message_1_is_refused(void)
{
    uint8_t payload[128];
    for (size_t at = 0;; at++) {
        struct sides s;
        begin(&s);
        first_message(&s);
        if (at == s.first_len)
            return;
        s.first[at] ^= 0x01;
        CU_ASSERT_FALSE(noise_read(&s.resp, s.first, s.first_len, payload));
    }
}

static void test_a_changed_byte_anywhere_in_message_2_is_refused(void)
{
    uint8_t payload[128];
    for (size_t at = 0;; at++) {
        struct sides s;
        begin(&s);
        first_message(&s);
        read_message(&s.resp, 0, s.first, s.first_len);
        write_message(&s.resp, 1, resp_ephemeral_hex, s.second, &s.second_len);
        if (at == s.second_len)
            return;
        s.second[at] ^= 0x01;
        CU_ASSERT_FALSE(noise_read(&s.init, s.second, s.second_len, payload));
    }
}

static void test_every_truncation_is_refused(void)
{
    struct sides s;
    uint8_t payload[128];
    begin(&s);
    first_message(&s);
    for (size_t len = 0; len < s.first_len; len++) {
        struct sides fresh;
        begin(&fresh);
        CU_ASSERT_FALSE(noise_read(&fresh.resp, s.first, len, payload));
    }
}

/* One input of the responder differs from what the initiator used. */
static void expect_refusal(void (*change)(uint8_t *secret, uint8_t *own, uint8_t *peer, uint8_t *psk,
                                          uint8_t *prologue))
{
    struct sides s;
    uint8_t secret[NOISE_KEY], own[NOISE_KEY], peer[NOISE_KEY], psk[NOISE_KEY], prologue[16];
    uint8_t payload[128];
    begin(&s);
    key(secret, resp_static_hex);
    key(own, resp_public_hex);
    key(peer, init_public_hex);
    key(psk, psk_hex);
    size_t len = hex(prologue, sizeof prologue, prologue_hex);
    change(secret, own, peer, psk, prologue);
    noise_init(&s.resp, false, prologue, len, secret, own, peer, psk);
    first_message(&s);
    CU_ASSERT_FALSE(noise_read(&s.resp, s.first, s.first_len, payload));
}

static void other_prologue(uint8_t *secret, uint8_t *own, uint8_t *peer, uint8_t *psk,
                           uint8_t *prologue)
{
    (void)secret, (void)own, (void)peer, (void)psk;
    prologue[0] ^= 1;
}

static void other_psk(uint8_t *secret, uint8_t *own, uint8_t *peer, uint8_t *psk, uint8_t *prologue)
{
    (void)secret, (void)own, (void)peer, (void)prologue;
    psk[31] ^= 1;
}

static void other_responder(uint8_t *secret, uint8_t *own, uint8_t *peer, uint8_t *psk,
                            uint8_t *prologue)
{
    (void)peer, (void)psk, (void)prologue;
    secret[1] ^= 1;
    CU_ASSERT_EQUAL(crypto_scalarmult_base(own, secret), 0);
}

static void other_pin(uint8_t *secret, uint8_t *own, uint8_t *peer, uint8_t *psk, uint8_t *prologue)
{
    (void)secret, (void)own, (void)psk, (void)prologue;
    key(peer, resp_public_hex);
}

static void test_another_prologue_secret_key_or_pin_is_refused_at_message_1(void)
{
    expect_refusal(other_prologue);
    expect_refusal(other_psk);
    expect_refusal(other_responder);
    expect_refusal(other_pin);
}

/* A point of low order makes a shared secret that everybody knows: section 12.1 lets us refuse it. */
static void test_an_ephemeral_key_of_low_order_is_refused(void)
{
    struct sides s;
    uint8_t message[NOISE_OVERHEAD] = { 0 }, payload[16];
    begin(&s);
    CU_ASSERT_FALSE(noise_read(&s.resp, message, sizeof message, payload));
}

static void test_wiping_leaves_nothing(void)
{
    static const struct noise nothing;
    struct sides s;
    begin(&s);
    noise_wipe(&s.init);
    CU_ASSERT_EQUAL(memcmp(&s.init, &nothing, sizeof nothing), 0);
}

static void test_the_mac_depends_on_key_and_data(void)
{
    uint8_t key_a[NOISE_KEY] = { 1 }, key_b[NOISE_KEY] = { 2 }, a[NOISE_TAG], b[NOISE_TAG], c[NOISE_TAG];
    noise_mac(key_a, "preface", 7, a);
    noise_mac(key_b, "preface", 7, b);
    noise_mac(key_a, "prefacf", 7, c);
    CU_ASSERT_FALSE(noise_is_equal(a, b, NOISE_TAG));
    CU_ASSERT_FALSE(noise_is_equal(a, c, NOISE_TAG));
    noise_mac(key_a, "preface", 7, b);
    CU_ASSERT_TRUE(noise_is_equal(a, b, NOISE_TAG));
}

CU_MAIN("noise", CU_CASE(test_both_messages_are_bit_exact),
        CU_CASE(test_both_sides_end_with_the_published_handshake_hash),
        CU_CASE(test_split_keys_open_the_published_transport_messages),
        CU_CASE(test_a_changed_byte_anywhere_in_message_1_is_refused),
        CU_CASE(test_a_changed_byte_anywhere_in_message_2_is_refused),
        CU_CASE(test_every_truncation_is_refused),
        CU_CASE(test_another_prologue_secret_key_or_pin_is_refused_at_message_1),
        CU_CASE(test_an_ephemeral_key_of_low_order_is_refused),
        CU_CASE(test_wiping_leaves_nothing), CU_CASE(test_the_mac_depends_on_key_and_data))
