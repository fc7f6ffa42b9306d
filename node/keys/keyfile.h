/* Key and secret files: reading with a clear word about what is wrong, writing without overwriting. */
#ifndef TANDEM_NODE_KEYFILE_H
#define TANDEM_NODE_KEYFILE_H

#include <stdio.h>

#include "replication/keys.h"

/* False: one line in errors names the file, what is wrong, and the mend. A file that others may read
 * is refused: keys are 0600. */
bool keyfile_identity(const char *path, struct repl_identity *out, FILE *errors);
bool keyfile_secret(const char *path, struct repl_secrets *out, FILE *errors);

/* Creates the file with mode 0600; an existing one is never touched. */
bool keyfile_write(const char *path, const char *text, FILE *errors);

#endif
