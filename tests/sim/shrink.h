/* One run of the world, and the shortest script of acts that fails as a given one did. */
#ifndef TANDEM_TESTS_SIM_SHRINK_H
#define TANDEM_TESTS_SIM_SHRINK_H

#include "tests/sim/world.h"

enum { SIM_SCRIPT_MAX = 4096 };

/* What failed stands in w->failure. skips as in world_init. Returns the trace. */
uint64_t sim_run(struct world *w, uint64_t seed, const bool *skips, bool verbose);
/* w has just failed with this seed. script: numbers of the acts that are left, or "" when nothing could be
 * left out. Acts are tried to be left out by halves, quarters … while the same invariant fails; bounded. */
void sim_shrink(struct world *w, uint64_t seed, char script[static SIM_SCRIPT_MAX]);

#endif
