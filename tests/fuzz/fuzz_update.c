/* The body of an UPDATE behind one octet that says what was agreed on: the decoder and the reference of
 * tests/lib must say the same of it. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What is announced is canonical, and can be exported to every kind of receiver. */
static void check_export(const struct bgp_attrs *a)
{
    static uint8_t buf[2 * BGP_EXPORT_MAX];
    struct bgp_attrs again;
    require(bgp_attrs_summarise(a->bytes, a->len, &again));
    require(again.marks == a->marks && again.path_len == a->path_len && again.med == a->med);
    for (int i = 0; i < 4; i++) {
        const struct bgp_export how = { .transparent = i & 1, .local_asn = 70000 };
        const struct bgp_codec codec = { .as4 = i & 2 };
        int len = bgp_attrs_export(a, &how, &codec, buf, sizeof buf);
        require(len >= 0);
        bool is_verbatim = a->path_len && !(a->marks & BGP_MARK_NON_TRANSITIVE);
        if (i == 3 && is_verbatim)
            require((size_t)len == a->len && !memcmp(buf, a->bytes, a->len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct reference reference;
    struct arena arena = { 0 };
    struct bgp_update u;
    if (!size)
        return 0;
    const struct bgp_codec codec = { .as4 = data[0] & 1,
                                     .family = { true, data[0] & 2 },
                                     .add_path_in = { data[0] & 4, data[0] & 4 },
                                     .ext_next_hop = data[0] & 8,
                                     .max_message = BGP_EXPORT_MAX };
    const struct bgp_update_context ctx = { .codec = &codec,
                                            .local_asn = 65515,
                                            .peer_asn = 65001,
                                            .any_first_as = data[0] & 16,
                                            .disabled = data[0] & 32 ? 1u << BGP_IP6 : 0,
                                            .local_addr = { .bytes = { 10, 1, 1, 4 } } };
    size_t len = size - 1 < BGP_EXPORT_MAX - 19 ? size - 1 : BGP_EXPORT_MAX - 19;
    require(bgp_update_decode(data + 1, len, &ctx, &arena, &u) == 0);
    ref_decode(&reference, data + 1, len, &ctx);
    require(ref_compare(&reference, &u) == NULL);
    for (int i = 0; u.fault.action != BGP_ACTION_SESSION_RESET && i < u.reach_count; i++)
        check_export(&u.attrs[i]);
    arena_fini(&arena);
    return 0;
}
