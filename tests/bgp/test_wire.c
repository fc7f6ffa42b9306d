#include "bgp/base/wire.h"

#include "tests/lib/cu.h"

static void test_numbers_are_read_and_written_in_network_order(void)
{
    uint8_t buf[15];
    struct wire_writer w = wire_writer(buf, sizeof buf);
    wire_put8(&w, 0x01);
    wire_put16(&w, 0x0203);
    wire_put32(&w, 0x04050607);
    wire_put64(&w, 0x08090a0b0c0d0e0fu);
    CU_ASSERT_FALSE(w.failed);
    CU_ASSERT_EQUAL(wire_room(&w), 0);
    for (uint8_t i = 0; i < sizeof buf; i++)
        CU_ASSERT_EQUAL(buf[i], i + 1);
    struct wire_reader r = wire_reader(buf, sizeof buf);
    CU_ASSERT_EQUAL(wire_u8(&r), 0x01);
    CU_ASSERT_EQUAL(wire_u16(&r), 0x0203);
    CU_ASSERT_EQUAL(wire_u32(&r), 0x04050607);
    CU_ASSERT_EQUAL(wire_get64(wire_bytes(&r, 8)), 0x08090a0b0c0d0e0fu);
    CU_ASSERT_FALSE(r.failed);
    CU_ASSERT_EQUAL(wire_left(&r), 0);
}

static void test_one_byte_too_few_fails_and_gives_zero(void)
{
    const uint8_t bytes[3] = { 0xff, 0xff, 0xff };
    struct wire_reader r = wire_reader(bytes, 3);
    CU_ASSERT_EQUAL(wire_u32(&r), 0);
    CU_ASSERT_TRUE(r.failed);
    r = wire_reader(bytes, 1);
    CU_ASSERT_EQUAL(wire_u16(&r), 0);
    CU_ASSERT_TRUE(r.failed);
    r = wire_reader(bytes, 0);
    CU_ASSERT_EQUAL(wire_u8(&r), 0);
    CU_ASSERT_TRUE(r.failed);
}

static void test_a_failure_sticks_and_nothing_is_left(void)
{
    const uint8_t bytes[3] = { 1, 2, 3 };
    struct wire_reader r = wire_reader(bytes, 3);
    wire_u32(&r);
    CU_ASSERT_EQUAL(wire_left(&r), 0); /* or a loop over what is left would not end */
    CU_ASSERT_EQUAL(wire_u8(&r), 0);
    CU_ASSERT_PTR_NULL(wire_bytes(&r, 0));
    struct wire_reader inner = wire_slice(&r, 1);
    CU_ASSERT_TRUE(inner.failed);
    CU_ASSERT_EQUAL(wire_left(&inner), 0);
}

static void test_a_slice_sees_its_own_bytes_only(void)
{
    const uint8_t bytes[4] = { 1, 2, 3, 4 };
    struct wire_reader r = wire_reader(bytes, 4), inner = wire_slice(&r, 3);
    CU_ASSERT_EQUAL(wire_u16(&inner), 0x0102);
    CU_ASSERT_EQUAL(wire_u16(&inner), 0);
    CU_ASSERT_TRUE(inner.failed);
    CU_ASSERT_FALSE(r.failed);
    CU_ASSERT_EQUAL(wire_u8(&r), 4);
    inner = wire_slice(&r, 1);
    CU_ASSERT_TRUE(inner.failed && r.failed);
}

static void test_nothing_can_be_read_from_nowhere(void)
{
    struct wire_reader r = wire_reader(NULL, 0);
    CU_ASSERT_EQUAL(wire_left(&r), 0);
    CU_ASSERT_FALSE(r.failed);
    CU_ASSERT_EQUAL(wire_u8(&r), 0);
    CU_ASSERT_TRUE(r.failed);
}

static void test_an_empty_read_at_the_end_is_no_failure(void)
{
    const uint8_t byte = 9;
    struct wire_reader r = wire_reader(&byte, 1);
    CU_ASSERT_PTR_EQUAL(wire_bytes(&r, 1), &byte);
    CU_ASSERT_PTR_NOT_NULL(wire_bytes(&r, 0));
    CU_ASSERT_FALSE(r.failed);
}

static void test_a_huge_length_is_compared_not_added(void)
{
    const uint8_t bytes[2] = { 0 };
    uint8_t buf[2];
    struct wire_reader r = wire_reader(bytes, 2);
    struct wire_writer w = wire_writer(buf, 2);
    CU_ASSERT_PTR_NULL(wire_bytes(&r, SIZE_MAX));
    CU_ASSERT_PTR_NULL(wire_reserve(&w, SIZE_MAX));
    CU_ASSERT_TRUE(r.failed && w.failed);
}

static void test_a_write_beyond_the_end_writes_nothing_and_sticks(void)
{
    uint8_t buf[4] = { 0, 0, 0, 0x77 };
    struct wire_writer w = wire_writer(buf, 3);
    wire_put32(&w, 0xffffffff);
    CU_ASSERT_TRUE(w.failed);
    wire_put8(&w, 1);
    CU_ASSERT_EQUAL(wire_len(&w), 0);
    CU_ASSERT_EQUAL(buf[0], 0);
    CU_ASSERT_EQUAL(buf[3], 0x77);
    w = wire_writer(buf, 3);
    wire_put(&w, "abc", 3);
    wire_put(&w, "", 0);
    CU_ASSERT_FALSE(w.failed);
    CU_ASSERT_EQUAL(wire_len(&w), 3);
}

CU_MAIN("wire", CU_CASE(test_numbers_are_read_and_written_in_network_order),
        CU_CASE(test_one_byte_too_few_fails_and_gives_zero),
        CU_CASE(test_a_failure_sticks_and_nothing_is_left),
        CU_CASE(test_a_slice_sees_its_own_bytes_only),
        CU_CASE(test_nothing_can_be_read_from_nowhere),
        CU_CASE(test_an_empty_read_at_the_end_is_no_failure),
        CU_CASE(test_a_huge_length_is_compared_not_added),
        CU_CASE(test_a_write_beyond_the_end_writes_nothing_and_sticks))
