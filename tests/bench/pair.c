#include "tests/bench/pair.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "pair: %s\n", what);
    exit(1);
}

static struct ip_addr address_of(int nth)
{
    return (struct ip_addr){ .bytes = { 10, 0, 0, (uint8_t)(1 + 100 * nth) } };
}

void pair_init(struct pair *p)
{
    char text[REPL_KEY_TEXT];
    *p = (struct pair){ .starts = 0 };
    must(sodium_init() >= 0, "no libsodium");
    for (int i = 0; i < PAIR; i++) {
        repl_identity_new(text);
        must(!repl_identity_parse(text, &p->ids[i]), "no keys");
        repl_secret_new(text);
        must(!repl_secret_parse(text, i ? &p->other_secrets : &p->secrets), "no secrets");
    }
}

void pair_write(const struct pair *p, int count, FILE *config)
{
    char key[REPL_PUBLIC_TEXT], address[IP_ADDR_TEXT];
    fprintf(config, "nodes:\n");
    for (int i = 0; i < count; i++) {
        struct ip_addr at = address_of(i);
        repl_public_format(p->ids[i].public_key, key);
        fprintf(config, "  - { name: n%d, address: %s, publicKey: \"%s\" }\n", i + 1, ip_addr_format(&at, address), key);
    }
    if (count > 1)
        fprintf(config, "cluster: { keyFile: k, secretFile: s }\n");
}

void pair_start(struct pair *p, int nth, const struct config *config, uint64_t now_ms)
{
    bool is_pair = config->node_count > 1;
    p->cores[nth] = core_new(&(struct core_cfg){ .config = config,
                                                 .self = (uint32_t)nth + 1,
                                                 .identity = is_pair ? &p->ids[nth] : NULL,
                                                 .secrets = is_pair ? &p->secrets : NULL,
                                                 .agent_secrets = p->serves_agents ? &p->secrets : NULL,
                                                 .incarnation = ++p->starts,
                                                 .key = { 0x8f1c3a5d9b274e61, 0x37d0c2f4ab916e85 } },
                             now_ms);
    must(p->cores[nth], "out of memory");
}

static void dialled(struct pair *p, int nth, const struct core_request *r, uint64_t now_ms)
{
    struct ip_addr local = address_of(nth);
    if (r->port != CORE_PORT_CLUSTER || nth != 0) {
        core_closed(p->cores[nth], r->pump, CORE_CLOSE_TIMEOUT, now_ms);
        return;
    }
    p->link[0] = r->pump;
    p->link[1] = core_accept(p->cores[1], CORE_PORT_CLUSTER, &local, &r->remote, now_ms);
    core_connected(p->cores[0], r->pump, &local, now_ms);
}

struct pump *pair_take_requests(struct pair *p, int nth, uint64_t now_ms)
{
    struct core_request r;
    while (core_next_request(p->cores[nth], &r)) {
        if (r.kind == CORE_DIAL)
            dialled(p, nth, &r, now_ms);
        if (r.kind != CORE_CLOSE)
            continue;
        must(r.pump != p->link[nth], "the nodes have parted");
        return r.pump;
    }
    return NULL;
}

static void move(struct pair *p, int from, uint64_t now_ms)
{
    int to = !from;
    size_t len, room;
    const uint8_t *bytes = pump_tx_bytes(p->link[from], &len);
    uint8_t *at = pump_rx_space(p->link[to], &room);
    len = len < room ? len : room;
    if (!len)
        return;
    memcpy(at, bytes, len);
    core_received(p->cores[to], p->link[to], len);
    core_sent(p->cores[from], p->link[from], len, now_ms);
}

void pair_move(struct pair *p, uint64_t now_ms)
{
    for (int from = 0; from < PAIR && p->link[0] && p->link[1]; from++)
        move(p, from, now_ms);
}

void pair_end(struct pair *p, int nth, uint64_t now_ms)
{
    int other = !nth;
    core_closed(p->cores[other], p->link[other], CORE_CLOSE_RESET, now_ms);
    p->link[0] = p->link[1] = NULL;
    core_free(p->cores[nth]);
    p->cores[nth] = NULL;
}
