/* import: a configuration out of what another route server's tools print. azure.c has the verb and finds the
 * resources, resources.c makes records of them, config.c a configuration of the records, print.c a file of that.
 *
 * What is wrong in the input is an error: it is said at once, and nothing is written in the end. What is right but has
 * no place in a tandem.yaml is left, and the list of it goes with the result. */
#ifndef TANDEM_NODE_CTL_IMPORT_IMPORT_H
#define TANDEM_NODE_CTL_IMPORT_IMPORT_H

#include "node/ctl/ctl.h"
#include "node/ctl/import/arm.h"

enum { IMPORT_PLACE = 320, IMPORT_NAME = 256 };

/* Lists of records; "at" of each is the place that it stands at, and a member that nobody said is not there.
 * servers   name, asn, ips, preference, branch
 * peers     hub, name, ip, asn
 * vnets     name, prefixes
 * subnets   name ("vnet/RouteServerSubnet"), prefixes
 * peerings  name ("vnet/peering"), remote, prefixes, transit, gateways, state */
struct import {
    const char *wanted;  /* the route server's name, where the input has several; NULL: the only one */
    json_t *given;       /* parameters' values */
    json_t *servers, *peers, *vnets, *subnets, *peerings;
    json_t *left;        /* texts */
    size_t found;        /* resources of a kind that matters */
    unsigned errors;
};

/* A resource of ARM, wherever it stood. */
struct import_resource {
    struct import *import;
    const struct arm_scope *scope; /* NULL: not in a template */
    json_t *json;
    char type[IMPORT_NAME], name[IMPORT_NAME]; /* "Microsoft.Network/virtualHubs/bgpConnections", "hub/nva-1" */
    char at[IMPORT_PLACE];
};

void import_error(struct import *m, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
void import_left(struct import *m, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A place inside of a place: "hub.json: resources[3].name". */
void import_place(char place[static IMPORT_PLACE], const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Does this type matter at all? Machines, addresses, subnets and the like are passed over. */
bool import_knows(const char *type);
/* A record of it, or a line of what is left. Its type is a known one. */
void import_resource(const struct import_resource *r);

/* What the records come to: a new reference, of worth only where no error was said. */
json_t *import_config(struct import *m);
void import_print(json_t *config);

#endif
