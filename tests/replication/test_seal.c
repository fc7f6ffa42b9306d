#include "replication/seal.h"

#include <string.h>

#include "bgp/base/wire.h"
#include "tests/lib/cu.h"

enum { FRAMES = 4, FRAME_ROOM = 128, MINUTES_10_MS = 600 * 1000 };

static const uint8_t key[32] = { 7 }, binding[64] = { 9 };

struct ends {
    struct seal send, receive;
    uint8_t frames[FRAMES][FRAME_ROOM];
    size_t lens[FRAMES];
};

static void begin(struct ends *e)
{
    uint8_t header[SEAL_HEADER];
    *e = (struct ends){ 0 };
    seal_begin_send(&e->send, key, header, binding, sizeof binding, 0);
    CU_ASSERT_TRUE(seal_begin_receive(&e->receive, key, header, binding, sizeof binding));
}

static void put(struct ends *e, int nth, const char *text, uint64_t now_ms)
{
    e->lens[nth] = seal_put(&e->send, SEAL_MESSAGE, (const uint8_t *)text, strlen(text),
                            e->frames[nth], now_ms);
    CU_ASSERT_EQUAL(e->lens[nth], strlen(text) + SEAL_OVERHEAD);
    CU_ASSERT_EQUAL(wire_get16(e->frames[nth]), e->lens[nth] - 2);
}

static bool opens(struct ends *e, int nth, const char *text)
{
    uint8_t plain[FRAME_ROOM];
    enum seal_tag tag;
    int len = seal_open(&e->receive, e->frames[nth] + 2, e->lens[nth] - 2, plain, &tag);
    if (len < 0)
        return false;
    CU_ASSERT_EQUAL(tag, SEAL_MESSAGE);
    CU_ASSERT_EQUAL((size_t)len, strlen(text));
    CU_ASSERT_EQUAL(memcmp(plain, text, strlen(text)), 0);
    return true;
}

static void test_frames_open_in_order(void)
{
    struct ends e;
    begin(&e);
    put(&e, 0, "one", 0);
    put(&e, 1, "", 0);
    put(&e, 2, "three", 0);
    CU_ASSERT_TRUE(opens(&e, 0, "one"));
    CU_ASSERT_TRUE(opens(&e, 1, ""));
    CU_ASSERT_TRUE(opens(&e, 2, "three"));
}

static void test_a_replayed_frame_is_refused(void)
{
    struct ends e;
    begin(&e);
    put(&e, 0, "one", 0);
    CU_ASSERT_TRUE(opens(&e, 0, "one"));
    CU_ASSERT_FALSE(opens(&e, 0, "one"));
}

static void test_a_frame_out_of_order_is_refused(void)
{
    struct ends e;
    begin(&e);
    put(&e, 0, "one", 0);
    put(&e, 1, "two", 0);
    CU_ASSERT_FALSE(opens(&e, 1, "two"));
}

static void test_a_changed_bit_anywhere_is_refused(void)
{
    struct ends e;
    begin(&e);
    put(&e, 0, "payload", 0);
    for (size_t at = 2; at < e.lens[0]; at++)
        for (int bit = 0; bit < 8; bit++) {
            struct ends copy = e;
            copy.frames[0][at] ^= (uint8_t)(1 << bit);
            CU_ASSERT_FALSE(opens(&copy, 0, "payload"));
        }
}

static void test_every_truncation_is_refused(void)
{
    struct ends e;
    uint8_t plain[FRAME_ROOM];
    enum seal_tag tag;
    begin(&e);
    put(&e, 0, "payload", 0);
    for (size_t len = 0; len < e.lens[0] - 2; len++) {
        struct ends copy = e;
        CU_ASSERT_EQUAL(seal_open(&copy.receive, copy.frames[0] + 2, len, plain, &tag), -1);
    }
}

static void test_the_first_frame_is_bound_to_the_handshake(void)
{
    static const uint8_t other[64] = { 8 };
    struct ends e;
    begin(&e);
    put(&e, 0, "one", 0);
    e.receive.binding = other;
    CU_ASSERT_FALSE(opens(&e, 0, "one"));
}

static void test_another_key_opens_nothing(void)
{
    static const uint8_t other[32] = { 6 };
    uint8_t header[SEAL_HEADER];
    struct ends e;
    begin(&e);
    seal_begin_send(&e.send, key, header, binding, sizeof binding, 0);
    put(&e, 0, "one", 0);
    CU_ASSERT_TRUE(seal_begin_receive(&e.receive, other, header, binding, sizeof binding));
    CU_ASSERT_FALSE(opens(&e, 0, "one"));
}

static void test_the_end_is_authenticated(void)
{
    struct ends e;
    uint8_t plain[FRAME_ROOM];
    enum seal_tag tag = SEAL_MESSAGE;
    begin(&e);
    e.lens[0] = seal_put(&e.send, SEAL_FINAL, NULL, 0, e.frames[0], 0);
    CU_ASSERT_EQUAL(seal_open(&e.receive, e.frames[0] + 2, e.lens[0] - 2, plain, &tag), 0);
    CU_ASSERT_EQUAL(tag, SEAL_FINAL);
}

/* The stream's key is the first field of the state: what libsodium replaces when it rekeys. */
static void test_ten_minutes_bring_a_new_key_and_the_stream_goes_on(void)
{
    struct ends e;
    uint8_t before[sizeof e.send.state.k];
    begin(&e);
    put(&e, 0, "old key", MINUTES_10_MS - 1);
    memcpy(before, e.send.state.k, sizeof before);
    put(&e, 1, "last under the old key", MINUTES_10_MS);
    CU_ASSERT_NOT_EQUAL(memcmp(before, e.send.state.k, sizeof before), 0);
    memcpy(before, e.send.state.k, sizeof before);
    put(&e, 2, "new key", MINUTES_10_MS + 1);
    CU_ASSERT_EQUAL(memcmp(before, e.send.state.k, sizeof before), 0);
    CU_ASSERT_TRUE(opens(&e, 0, "old key"));
    CU_ASSERT_TRUE(opens(&e, 1, "last under the old key"));
    CU_ASSERT_TRUE(opens(&e, 2, "new key"));
}

static void test_a_gibibyte_brings_a_new_key(void)
{
    struct ends e;
    uint8_t before[sizeof e.send.state.k];
    begin(&e);
    memcpy(before, e.send.state.k, sizeof before);
    e.send.bytes = 1u << 30;
    put(&e, 0, "due", 0);
    CU_ASSERT_NOT_EQUAL(memcmp(before, e.send.state.k, sizeof before), 0);
    CU_ASSERT_EQUAL(e.send.bytes, 0);
    put(&e, 1, "after", 0);
    CU_ASSERT_TRUE(opens(&e, 0, "due"));
    CU_ASSERT_TRUE(opens(&e, 1, "after"));
}

CU_MAIN("seal", CU_CASE(test_frames_open_in_order), CU_CASE(test_a_replayed_frame_is_refused),
        CU_CASE(test_a_frame_out_of_order_is_refused), CU_CASE(test_a_changed_bit_anywhere_is_refused),
        CU_CASE(test_every_truncation_is_refused),
        CU_CASE(test_the_first_frame_is_bound_to_the_handshake),
        CU_CASE(test_another_key_opens_nothing), CU_CASE(test_the_end_is_authenticated),
        CU_CASE(test_ten_minutes_bring_a_new_key_and_the_stream_goes_on),
        CU_CASE(test_a_gibibyte_brings_a_new_key))
