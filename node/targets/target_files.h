/* The files that targets name: certificates, keys, logins, a service principal. A running node reads them when it
 * needs them, and a target whose file is wrong waits; --check reads them all, before anything depends on them. */
#ifndef TANDEM_NODE_TARGET_FILES_H
#define TANDEM_NODE_TARGET_FILES_H

#include <stdio.h>

#include "node/config/config.h"

/* False: errors says which file of the target is wrong, and why. path: of the configuration, for the message. */
bool target_files_are_good(const struct config_target *t, const char *path, FILE *errors) MUST_USE;

#endif
