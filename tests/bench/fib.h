/* A host's kernel table as one more receiver: its route messages tell what a daemon installed. */
#ifndef TANDEM_TESTS_BENCH_FIB_H
#define TANDEM_TESTS_BENCH_FIB_H

#include "tests/bench/truth.h"

/* Opens a netlink socket in the network namespace of this path (/run/netns/NAME) and subscribes to
 * IPv4 route changes. -1: why is in errno. */
int fib_open(const char *netns);
/* Takes the messages that wait, at most a few hundred. False: some were lost (ENOBUFS). */
bool fib_read(int fd, struct truth *t, struct truth_receiver *r, uint64_t at_ns);

#endif
