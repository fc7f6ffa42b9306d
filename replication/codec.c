#include "replication/codec_impl.h"

/* Two octets may be an empty message within another: 96 of memory, its place in the list, and twice 40 of protobuf-c's own. */
enum { MEMORY_FACTOR = 96, MEMORY_FREE = 8192 };

static void *allocate(void *data, size_t size)
{
    struct codec_memory *m = data;
    if (size > m->left)
        return NULL;
    m->left -= size;
    return arena_alloc(m->arena, size);
}

static void release(void *data, void *pointer)
{
    (void)data, (void)pointer; /* the arena is reset as a whole */
}

void codec_memory_init(struct codec_memory *m, struct arena *arena, size_t input_len)
{
    *m = (struct codec_memory){ .arena = arena, .left = input_len * MEMORY_FACTOR + MEMORY_FREE };
    m->allocator = (ProtobufCAllocator){ .alloc = allocate, .free = release, .allocator_data = m };
}

bool codec_read_addr(const ProtobufCBinaryData *from, struct ip_addr *out)
{
    if (from->len != 4 && from->len != 16)
        return false;
    *out = (struct ip_addr){ .family = from->len == 4 ? BGP_IP4 : BGP_IP6 };
    memcpy(out->bytes, from->data, from->len);
    return true;
}

bool codec_is_nlri(uint32_t family, bool has_path_id, const ProtobufCBinaryData *nlri, size_t *count)
{
    *count = 0;
    if (family >= BGP_FAMILIES || nlri->len > UINT16_MAX)
        return false;
    unsigned most = family == BGP_IP4 ? 32 : 128;
    size_t at = 0;
    while (at < nlri->len) {
        at += has_path_id ? 4 : 0;
        if (at >= nlri->len || nlri->data[at] > most)
            return false;
        at += 1u + ip_prefix_bytes(nlri->data[at]);
        ++*count;
    }
    return at == nlri->len;
}

uint8_t *repl_varint_put(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

uint64_t repl_varint_next(const uint8_t **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t octet = *(*at)++;
        value |= (uint64_t)(octet & 0x7f) << shift;
        if (!(octet & 0x80))
            return value;
    }
}

int repl_msg_encode(const struct repl_msg *m, uint8_t *buf, size_t cap)
{
    struct arena arena = { 0 };
    bool table = m->kind >= REPL_TABLE_SUBSCRIBE;
    if (cap < 1)
        return REPL_ERR_SPACE;
    buf[0] = table ? CODEC_TABLE : CODEC_CLUSTER;
    int len = table ? codec_table_encode(m, &arena, buf + 1, cap - 1)
                    : codec_cluster_encode(m, &arena, buf + 1, cap - 1);
    arena_fini(&arena);
    return len < 0 ? len : len + 1;
}

int repl_msg_decode(const uint8_t *data, size_t len, struct arena *arena, struct repl_msg *out)
{
    *out = (struct repl_msg){ 0 };
    if (len < 1 || len > REPL_PAYLOAD_MAX)
        return REPL_ERR_MALFORMED;
    if (data[0] == CODEC_CLUSTER)
        return codec_cluster_decode(data + 1, len - 1, arena, out);
    if (data[0] == CODEC_TABLE)
        return codec_table_decode(data + 1, len - 1, arena, out);
    return REPL_ERR_MALFORMED;
}

int repl_hello_encode(const struct repl_hello *h, uint8_t *buf, size_t cap)
{
    Tandem__Cluster__Hello pb;
    tandem__cluster__hello__init(&pb);
    pb.node = h->node;
    pb.incarnation = h->incarnation;
    pb.your_incarnation = h->your_incarnation;
    pb.minor_min = h->minor_min;
    pb.minor_max = h->minor_max;
    pb.algo_min = h->algo_min;
    pb.algo_max = h->algo_max;
    pb.config_generation = h->config_generation;
    pb.config_digest = codec_bytes(h->config_digest, REPL_DIGEST);
    pb.name = (char *)(uintptr_t)h->name;
    pb.version = (char *)(uintptr_t)h->version;
    pb.up_ms = h->up_ms;
    if (tandem__cluster__hello__get_packed_size(&pb) > cap)
        return REPL_ERR_SPACE;
    return (int)tandem__cluster__hello__pack(&pb, buf);
}

static bool is_small(uint32_t v)
{
    return v <= UINT16_MAX;
}

int repl_hello_decode(const uint8_t *data, size_t len, struct repl_hello *out)
{
    struct arena arena = { 0 };
    struct codec_memory memory;
    codec_memory_init(&memory, &arena, len);
    Tandem__Cluster__Hello *pb = tandem__cluster__hello__unpack(&memory.allocator, len, data);
    bool good = pb && pb->config_digest.len == REPL_DIGEST && strlen(pb->name) <= REPL_NAME_MAX &&
                pb->node <= REPL_NODES_MAX && is_small(pb->minor_min) && is_small(pb->minor_max) &&
                is_small(pb->algo_min) && is_small(pb->algo_max);
    if (good) {
        *out = (struct repl_hello){ .node = pb->node,
                                    .incarnation = pb->incarnation,
                                    .your_incarnation = pb->your_incarnation,
                                    .minor_min = (uint16_t)pb->minor_min,
                                    .minor_max = (uint16_t)pb->minor_max,
                                    .algo_min = (uint16_t)pb->algo_min,
                                    .algo_max = (uint16_t)pb->algo_max,
                                    .config_generation = pb->config_generation,
                                    .up_ms = pb->up_ms };
        memcpy(out->config_digest, pb->config_digest.data, REPL_DIGEST);
        memcpy(out->name, pb->name, strlen(pb->name) + 1);
        memcpy(out->version, pb->version, strnlen(pb->version, REPL_VERSION_MAX));
    }
    arena_fini(&arena);
    return good ? 0 : REPL_ERR_MALFORMED;
}
