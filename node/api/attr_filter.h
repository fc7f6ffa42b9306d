/* Query parameters about what a route says: community=A:B or A:B:C, asPathContains=N. */
#ifndef TANDEM_NODE_API_ATTR_FILTER_H
#define TANDEM_NODE_API_ATTR_FILTER_H

#include "bgp/codec/attr.h"
#include "node/api/routes.h"

struct attr_filter {
    uint64_t asn;           /* anywhere in the AS_PATH; UINT64_MAX: any path will do */
    uint8_t community[12];  /* as it stands in a message */
    uint8_t community_size; /* 4, 12 for a large one (RFC 8092), 0: any route will do */
};

/* False: *out holds the refusal. */
bool attr_filter_read(const struct api_request *q, struct attr_filter *f, struct api_reply *out);
bool attr_filter_wants(const struct attr_filter *f, const struct bgp_attrs *a);

#endif
