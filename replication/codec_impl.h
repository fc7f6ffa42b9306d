/* Inside the codec: helpers of the two channels' files. The only header that sees *.pb-c.h. */
#ifndef TANDEM_REPLICATION_CODEC_IMPL_H
#define TANDEM_REPLICATION_CODEC_IMPL_H

#include <string.h>

#include "bgp/base/wire.h"

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

/* count zeroed things of the type, and pointers to them, as protobuf-c wants repeated fields. */
#define CODEC_REPEATED(arena, type, init, count, things, pointers)                                 \
    do {                                                                                           \
        things = arena_alloc(arena, (count) * sizeof(type) + 1);                                   \
        pointers = arena_alloc(arena, (count) * sizeof(type *) + 1);                               \
        for (size_t i_ = 0; things && pointers && i_ < (count); i_++) {                            \
            init(&things[i_]);                                                                     \
            pointers[i_] = &things[i_];                                                            \
        }                                                                                          \
    } while (0)

/* codec_batch.c; in either form */
int codec_batch_encode(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap);
int codec_batch_read(const Tandem__Cluster__Message *message, struct arena *arena, struct repl_msg *out);
int codec_batch_pack(const struct repl_batch *b, const Tandem__Cluster__Message *pb, uint8_t *buf, size_t cap);
/* NULL: out of memory. */
Tandem__Cluster__Fact **codec_facts(const struct repl_batch *b, struct arena *arena);
bool codec_read_facts(Tandem__Cluster__Fact *const *pb, size_t count, size_t names, struct repl_fact *out);
bool codec_are_names(char *const *names, size_t count);
/* A set of no attributes with these. */
bool codec_read_hops(const ProtobufCBinaryData *next_hop, const ProtobufCBinaryData *link_local, struct repl_attr *out);
/* The place behind so many varints of at most REPL_VARINT_MAX octets; NULL: they are not there. */
const uint8_t *codec_pass_varints(const uint8_t *at, const uint8_t *end, size_t count);

/* codec_nested.c */
int codec_nested_encode(const struct repl_batch *b, struct arena *arena, uint8_t *buf, size_t cap);
int codec_nested_read(const Tandem__Cluster__Message *message, struct arena *arena, struct repl_msg *out);

/* codec_cluster.c, codec_table.c */
int codec_cluster_pack(const Tandem__Cluster__Message *pb, uint8_t *buf, size_t cap);
int codec_cluster_encode(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap);
int codec_cluster_decode(const uint8_t *data, size_t len, struct arena *arena, struct repl_msg *out);
int codec_table_encode(const struct repl_msg *m, struct arena *arena, uint8_t *buf, size_t cap);
int codec_table_decode(const uint8_t *data, size_t len, struct arena *arena, struct repl_msg *out);

#endif
