/* A configuration as JSON, and what may stand in one. */
#ifndef TANDEM_NODE_CONFIG_CONFIG_JSON_H
#define TANDEM_NODE_CONFIG_CONFIG_JSON_H

#include <jansson.h>

#include "node/config/config.h"

struct config_least;
struct schema_row;

/* What the file in force says: its keys in its order, comments aside. A configuration file again, which reads the
 * same. Secrets are in files of their own, whose names only are here. */
json_t *config_json(const struct config *c);

/* What stands for a missing key of these rows (config_read.h), as somebody would write it; NULL: nothing does, or what the
 * row says in `otherwise`, or no single value. */
json_t *config_default(const struct config_least *l, const struct schema_row *rows, const struct schema_row *row);

/* A JSON Schema (2020-12) of the configuration file, out of the tables that read it. */
json_t *config_schema(void);
/* The same of a host agent's file. */
json_t *config_agent_schema(void);

#endif
