/* A route table of Azure's resource manager as a document: what of it is ours, and the same document
 * with other routes of ours. Pure.
 *
 * Ours is a route whose name begins with "tandem-": tandem-NVA-HASH tells whose route it is, the hash
 * keeps names apart. All else in the document belongs to others and is written back as it was read:
 * foreign routes, tags, properties that this version has never heard of. Only what the resource manager
 * itself maintains (etag, provisioningState, hasBgpOverride …) is left out of a write.
 * Source: Azure REST API, Microsoft.Network/routeTables 2025-07-01; the cloud study, 5.1. */
#ifndef TANDEM_NODE_TARGETS_AZURE_TABLE_H
#define TANDEM_NODE_TARGETS_AZURE_TABLE_H

#include <jansson.h>

#include "bgp/rib/nhset.h"

enum {
    AZURE_NAME_MAX = 80,  /* of a route */
    AZURE_ETAG_MAX = 200,
    AZURE_TAG_MAX = 256,  /* a tag's value */
    AZURE_ERROR_MAX = 256,
};

enum azure_provisioning { AZURE_SUCCEEDED, AZURE_UPDATING, AZURE_FAILED };

/* A route of ours. */
struct azure_route {
    struct ip_prefix prefix;
    uint32_t nhset; /* 0: with next hops that are none of ours; somebody edited it */
    char name[AZURE_NAME_MAX + 1];
};

struct azure_table {
    struct nhset_table *sets; /* of the references in routes */
    json_t *document;         /* as read; NULL: nothing was read yet */
    char etag[AZURE_ETAG_MAX + 1];
    uint8_t provisioning;            /* enum azure_provisioning */
    char fence[AZURE_TAG_MAX + 1];   /* the tag's value, "" = none */
    struct azure_route *routes;      /* ours, by azure_prefix_compare */
    size_t count;
    struct ip_prefix *foreign;       /* prefixes of other routes, sorted likewise */
    size_t foreign_count;
    size_t others;                   /* routes that are not ours, those with a service tag among them */
};

/* Reads what a GET or PUT answered.
 * returns  true, and t is the new table; its old content was given back
 *          false, t is as it was, and error says what is wrong with the answer */
bool azure_table_read(struct azure_table *t, const char *body, size_t len,
                      char error[static AZURE_ERROR_MAX]);
/* The same of a document that is not text any more. */
bool azure_table_take(struct azure_table *t, json_t *take_document, char error[static AZURE_ERROR_MAX]);
void azure_table_fini(struct azure_table *t);

/* Our route for exactly this prefix; NULL: there is none. */
const struct azure_route *azure_table_find(const struct azure_table *t,
                                           const struct ip_prefix *prefix);
/* Our longest route that covers it, itself included. */
const struct azure_route *azure_table_covering(const struct azure_table *t,
                                               const struct ip_prefix *prefix);
bool azure_table_is_foreign(const struct azure_table *t, const struct ip_prefix *prefix);

/* The body of a whole-table PUT: the document with these routes of ours (by azure_prefix_compare) and
 * this fence tag. Each set has one member (the unspecified address: next hop type None), or 2 to 64 where the API version has VirtualApplianceEcmp. free() it. */
char *azure_table_write(const struct azure_table *t, const struct azure_route *ours, size_t count,
                        const char *fence);

/* Shorter prefixes first, then by family and address: what is kept when not all fit. */
int azure_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b);

/* What a table can hold of a set: members of the prefix's family, only the first without ECMP. An id with
 * a reference; 0: nothing is left. */
uint32_t azure_table_set(struct nhset_table *sets, const struct ip_prefix *prefix, uint32_t nhset,
                         bool has_ecmp);

#endif
