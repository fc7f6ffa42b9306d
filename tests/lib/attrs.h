/* What an attribute set says that the product itself never asks for. */
#ifndef TANDEM_TESTS_LIB_ATTRS_H
#define TANDEM_TESTS_LIB_ATTRS_H

#include "bgp/codec/attr.h"

/* The AS in ONLY_TO_CUSTOMER (RFC 9234), 0 = there is none. */
static inline uint32_t otc_of(const struct bgp_attrs *a)
{
    struct wire_reader r = wire_reader(a->bytes, a->len);
    struct bgp_attr_view v;
    while (bgp_attrs_next(&r, &v))
        if (v.type == BGP_ATTR_ONLY_TO_CUSTOMER)
            return wire_get32(v.value);
    return 0;
}

#endif
