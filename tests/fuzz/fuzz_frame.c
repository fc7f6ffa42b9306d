/* Payloads of sealed frames: what decodes must encode, and decode again to the same bytes.
 * The first byte of the input chooses HELLO (odd) or a message (even). */
#include <stdlib.h>
#include <string.h>

#include "replication/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void try_hello(const uint8_t *data, size_t size)
{
    struct repl_hello hello;
    uint8_t buf[512];
    if (repl_hello_decode(data, size, &hello))
        return;
    int len = repl_hello_encode(&hello, buf, sizeof buf);
    must(len > 0 && repl_hello_decode(buf, (size_t)len, &hello) == 0);
}

static void try_message(const uint8_t *data, size_t size)
{
    static uint8_t first[4 * REPL_PAYLOAD_MAX], second[4 * REPL_PAYLOAD_MAX];
    struct arena arena = { 0 };
    struct repl_msg m;
    if (repl_msg_decode(data, size, &arena, &m) == 0) {
        int len = repl_msg_encode(&m, first, sizeof first);
        must(len > 0);
        if (len <= REPL_PAYLOAD_MAX) {
            must(repl_msg_decode(first, (size_t)len, &arena, &m) == 0);
            must(repl_msg_encode(&m, second, sizeof second) == len);
            must(memcmp(first, second, (size_t)len) == 0);
        }
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    if (data[0] & 1)
        try_hello(data + 1, size - 1);
    else
        try_message(data + 1, size - 1);
    return 0;
}
