/* Does this kernel let routers of a subnet change its routes by ICMP? An appliance that has lost its own routes
 * sends packets on to another router, and tells the host to use that one itself: for five minutes, whatever is
 * programmed. Source: net/ipv4/conf, net/ipv6/conf of the kernel's ip-sysctl. */
#ifndef TANDEM_NODE_TARGETS_REDIRECTS_H
#define TANDEM_NODE_TARGETS_REDIRECTS_H

#include <stddef.h>

/* root   /proc/sys/net
 * names  the interfaces that accept redirects, with blanks between; cut to what cap holds
 * returns how many, loopback left out */
size_t redirects_accepted(const char *root, char *names, size_t cap);

#endif
