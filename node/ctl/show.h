/* Tables that several verbs print. */
#ifndef TANDEM_NODE_CTL_SHOW_H
#define TANDEM_NODE_CTL_SHOW_H

#include "node/ctl/ctl.h"

int show_nodes(const struct ctl *c, const json_t *items);
int show_peers(const struct ctl *c, const json_t *items);
/* What stood in the file of the revision that the verb names. */
int config_show_past(const struct ctl *c);
/* GET a list without parameters and print it by show, or as JSON. */
int show_list(const struct ctl *c, const char *path,
              int (*show)(const struct ctl *c, const json_t *items));

#endif
