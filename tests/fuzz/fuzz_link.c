/* A link under a hostile wire. The first byte of the input chooses the attack:
 *   0  garbage to a responder               1  garbage to an initiator
 *   2  garbage to a link that is up         3  a handshake with bytes changed: triples of place, xor
 *   4  a recording with pieces cut out, repeated or swapped: pairs of place and length
 * Nothing may crash, and what was changed must not bring the responder up. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/base/wire.h"
#include "tests/lib/links.h"

enum { WIRE_MAX = 4096 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Chance that is the same in every run, so that a finding can be replayed. */
static uint64_t chance;

static uint32_t next_chance(void)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance >> 32);
}

static void fill_chance(void *const buf, const size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buf)[i] = (uint8_t)next_chance();
}

static const char *chance_name(void)
{
    return "the same every time";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static struct randombytes_implementation same = { .implementation_name = chance_name,
                                                      .random = next_chance,
                                                      .buf = fill_chance };
    (void)argc, (void)argv;
    return randombytes_set_implementation(&same) || sodium_init() < 0;
}

struct wire {
    struct repl_link *initiator, *responder;
    uint8_t out[2][WIRE_MAX]; /* what the initiator wrote, the responder wrote */
    size_t len[2], read[2];
};

static bool is_up(struct repl_link *l)
{
    struct repl_link_event e;
    while (repl_link_next(l, &e))
        ;
    return repl_link_is_up(l);
}

static size_t feed(struct repl_link *l, const uint8_t *data, size_t len)
{
    size_t used = 0;
    for (size_t n = 1; n && used < len; used += n) {
        n = repl_link_feed(l, data + used, len - used, 1000);
        is_up(l);
    }
    return used;
}

static void begin(struct wire *w)
{
    static struct links x; /* the keys cost more than the handshake */
    if (!x.parties[1].id)
        links_init(&x);
    *w = (struct wire){ 0 };
    chance = 1;
    struct repl_link_cfg dial = links_cfg(&x, 1, 2, true), accept = links_cfg(&x, 2, 1, false);
    w->initiator = repl_link_new(&dial, 1000);
    w->responder = repl_link_new(&accept, 1000);
    if (!w->initiator || !w->responder)
        abort();
}

static void end(struct wire *w)
{
    repl_link_closed(w->initiator);
    repl_link_closed(w->responder);
    repl_link_free(w->initiator);
    repl_link_free(w->responder);
}

static bool pull(struct wire *w)
{
    size_t a = repl_link_pull(w->initiator, w->out[0] + w->len[0], WIRE_MAX - w->len[0]);
    size_t b = repl_link_pull(w->responder, w->out[1] + w->len[1], WIRE_MAX - w->len[1]);
    w->len[0] += a;
    w->len[1] += b;
    return a || b;
}

static void shake_hands(struct wire *w)
{
    while (pull(w)) {
        w->read[0] += feed(w->responder, w->out[0] + w->read[0], w->len[0] - w->read[0]);
        w->read[1] += feed(w->initiator, w->out[1] + w->read[1], w->len[1] - w->read[1]);
    }
}

/* Changes what the initiator writes, at places given as 16 bits, from the first byte on. */
static bool change(struct wire *w, size_t from, const uint8_t *data, size_t size)
{
    bool changed = false;
    for (; size >= 3; data += 3, size -= 3) {
        size_t at = wire_get16(data) % WIRE_MAX;
        if (at < from || at >= w->len[0])
            continue;
        w->out[0][at] ^= data[2];
        changed |= data[2] != 0;
    }
    return changed;
}

static void attack_handshake(struct wire *w, const uint8_t *data, size_t size)
{
    uint8_t clean[WIRE_MAX];
    bool changed = false;
    for (size_t seen = 0; pull(w); seen = w->len[0]) {
        memcpy(clean, w->out[0], w->len[0]);
        change(w, seen, data, size);
        changed |= memcmp(clean, w->out[0], w->len[0]) != 0;
        w->read[0] += feed(w->responder, w->out[0] + w->read[0], w->len[0] - w->read[0]);
        w->read[1] += feed(w->initiator, w->out[1] + w->read[1], w->len[1] - w->read[1]);
    }
    if (changed && is_up(w->responder))
        abort();
}

/* A recording of one connection, rearranged, to a responder that was not part of it. */
static void attack_with_recording(struct wire *w, const uint8_t *data, size_t size)
{
    static struct wire fresh;
    shake_hands(w);
    begin(&fresh);
    chance = 99;
    for (; size >= 3; data += 3, size -= 3) {
        size_t at = wire_get16(data) % w->len[0], len = data[2];
        feed(fresh.responder, w->out[0] + at, len < w->len[0] - at ? len : w->len[0] - at);
    }
    if (is_up(fresh.responder))
        abort();
    end(&fresh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wire w;
    if (!size)
        return 0;
    begin(&w);
    if (data[0] % 5 == 0)
        feed(w.responder, data + 1, size - 1);
    else if (data[0] % 5 == 1)
        feed(w.initiator, data + 1, size - 1);
    else if (data[0] % 5 == 3)
        attack_handshake(&w, data + 1, size - 1);
    else if (data[0] % 5 == 4)
        attack_with_recording(&w, data + 1, size - 1);
    else {
        shake_hands(&w);
        if (!is_up(w.responder))
            abort();
        feed(w.responder, data + 1, size - 1);
    }
    end(&w);
    return 0;
}
