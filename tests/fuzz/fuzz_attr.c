/* Canonical attributes as another node may send them: whatever bgp_attrs_summarise accepts can be read,
 * interned and exported, and sets are equal when their bytes are. */
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_set(const struct bgp_attrs *a)
{
    struct bgp_attr_table t;
    bgp_attr_table_init(&t, (struct hash_key){ 1, 2 });
    uint32_t id = bgp_attrs_intern(&t, a);
    require(id && bgp_attrs_intern(&t, a) == id && t.bytes == a->len);
    require(!memcmp(bgp_attrs_get(&t, id)->bytes, a->bytes, a->len));
    bgp_attrs_unref(&t, id);
    bgp_attrs_unref(&t, id);
    require(t.bytes == 0);
    bgp_attr_table_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buf[2 * BGP_EXPORT_MAX];
    struct bgp_attrs a;
    if (size > UINT16_MAX || !bgp_attrs_summarise(data, (uint16_t)size, &a))
        return 0;
    require(bgp_attrs_count_as(&a, a.neighbor_as) <= a.path_len);
    check_set(&a);
    for (int i = 0; i < 4; i++) {
        const struct bgp_export how = { .transparent = i & 1, .local_asn = 70000 };
        const struct bgp_codec codec = { .as4 = i & 2 };
        require(bgp_attrs_export(&a, &how, &codec, buf, sizeof buf) >= 0);
        require(bgp_attrs_export(&a, &how, &codec, buf, size / 2) <= (int)(size / 2));
    }
    return 0;
}
