/* Route tables of the resource manager as texts, for the tests of the azure target. */
#ifndef TANDEM_TESTS_AZURE_H
#define TANDEM_TESTS_AZURE_H

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "node/targets/azure_table.h"

#define AZ_FOREIGN                                                                                 \
    "{\"name\":\"to-internet\",\"id\":\"/x/to-internet\",\"etag\":\"W/\\\"9\\\"\",\"properties\":"        \
    "{\"provisioningState\":\"Succeeded\",\"addressPrefix\":\"0.0.0.0/0\","                         \
    "\"nextHopType\":\"Internet\",\"hasBgpOverride\":false,\"unheardOf\":[1,2.5]}}"
#define AZ_TAGGED                                                                                  \
    "{\"name\":\"to-storage\",\"properties\":{\"addressPrefix\":\"Storage.WestEurope\","           \
    "\"nextHopType\":\"Internet\"}}"
#define AZ_OURS(nva, hash, prefix, hop)                                                            \
    "{\"name\":\"tandem-" nva "-" hash "\",\"properties\":{\"addressPrefix\":\"" prefix "\","      \
    "\"nextHopType\":\"VirtualAppliance\",\"nextHopIpAddress\":\"" hop "\"}}"
#define AZ_ECMP(nva, hash, prefix, hops)                                                           \
    "{\"name\":\"tandem-" nva "-" hash "\",\"properties\":{\"addressPrefix\":\"" prefix "\","      \
    "\"nextHopType\":\"VirtualApplianceEcmp\",\"nextHop\":{\"nextHopIpAddresses\":[" hops "]}}}"
#define AZ_TABLE(state, tags, routes)                                                              \
    "{\"name\":\"rt\",\"id\":\"/s/rt\",\"etag\":\"W/\\\"1\\\"\",\"location\":\"westeurope\",\"tags\":" tags \
    ",\"properties\":{\"provisioningState\":\"" state "\",\"resourceGuid\":\"g\","                 \
    "\"disableBgpRoutePropagation\":true,\"disablePeeringRoute\":\"All\",\"subnets\":[{\"id\":\"/s/1\"}]," \
    "\"routes\":[" routes "]}}"

static inline struct ip_prefix az_prefix(const char *text)
{
    struct ip_prefix p = { 0 };
    int err = ip_prefix_parse(text, &p);
    assert(!err);
    (void)err;
    return p;
}

/* The set of the addresses in a text, "10.1.2.4 10.1.2.5"; the reference is the caller's. */
static inline uint32_t az_set(struct nhset_table *sets, const char *text)
{
    struct ip_addr members[NHSET_MAX];
    char copy[1024], *rest = copy;
    uint32_t count = 0;
    bool nomem;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word; (word = strsep(&rest, " "));) {
        int err = ip_addr_parse(word, &members[count++]);
        assert(!err);
        (void)err;
    }
    return nhset_intern(sets, members, count, &nomem);
}

static inline bool az_read(struct azure_table *t, const char *text)
{
    char error[AZURE_ERROR_MAX];
    return azure_table_read(t, text, strlen(text), error);
}

#endif
