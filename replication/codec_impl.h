/* Inside the codec: helpers of the two channels' files. The only header that sees *.pb-c.h. */
#ifndef TANDEM_REPLICATION_CODEC_IMPL_H
#define TANDEM_REPLICATION_CODEC_IMPL_H

#include <string.h>

#include "cluster.pb-c.h"
#include "replication/codec.h"
#include "table.pb-c.h"

/* protobuf-c allocates from an arena, and no more than a fixed multiple of the input: a hostile
 * message cannot make the node large. */
struct codec_memory {
    struct arena *arena;
    size_t left;
    ProtobufCAllocator allocator;
};
void codec_memory_init(struct codec_memory *m, struct arena *arena, size_t input_len);

/* The first byte of a payload says which channel's message follows. */
enum { CODEC_CLUSTER = 1, CODEC_TABLE = 2 };

static inline ProtobufCBinaryData codec_bytes(const void *data, size_t len)
{
    return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)(uintptr_t)data };
}

static inline ProtobufCBinaryData codec_addr(const struct ip_addr *a)
{
    return codec_bytes(a->bytes, ip_addr_len(a->family));
}

/* 4 or 16 bytes. */
bool codec_read_addr(const ProtobufCBinaryData *from, struct ip_addr *out);
/* A valid run of NLRI of this family, and of how many? */
bool codec_is_nlri(uint32_t family, bool has_path_id, const ProtobufCBinaryData *nlri, size_t *count);

int codec_cluster_encode(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap);
int codec_cluster_decode(const uint8_t *data, size_t len, struct arena *arena, struct repl_msg *out);
int codec_table_encode(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap);
int codec_table_decode(const uint8_t *data, size_t len, struct arena *arena, struct repl_msg *out);

#endif
