/* A configuration as JSON, and what may stand in one. */
#ifndef TANDEM_NODE_CONFIG_CONFIG_JSON_H
#define TANDEM_NODE_CONFIG_CONFIG_JSON_H

#include <jansson.h>

#include "node/config/config.h"

/* What the file in force says: its keys in its order, comments aside. A configuration file again, which reads the
 * same. Secrets are in files of their own, whose names only are here. */
json_t *config_json(const struct config *c);

/* A JSON Schema (2020-12) of the configuration file, out of the tables that read it. */
json_t *config_schema(void);
/* The same of a host agent's file. */
json_t *config_agent_schema(void);

#endif
