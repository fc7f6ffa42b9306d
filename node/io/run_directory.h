/* Where a process of ours keeps what lasts no longer than the machine runs: its lock, its socket, its count of starts.
 * Messages go to errors, in the form "PROGRAM: error: …", and name the mend. */
#ifndef TANDEM_NODE_RUN_DIRECTORY_H
#define TANDEM_NODE_RUN_DIRECTORY_H

#include <stdbool.h>
#include <stdio.h>

#include "bgp/codec/types.h"

/* Makes the directory if it is not there; its parent has to be. */
bool run_directory_make(const char *path, FILE *errors) MUST_USE;

/* One process of a kind and name on a machine.
 * file     NAME.lock in the directory; the lock is held as long as the process lives
 * what     how messages call it, "node rs-a"
 * returns  false: somebody else has it, or the file cannot be made */
bool run_directory_lock(const char *path, const char *file, const char *what,
                        FILE *errors) MUST_USE;

#endif
