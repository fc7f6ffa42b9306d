/* BFD of a node: all its sessions and their sockets, in a thread of their own.
 *
 * A thread, because a turn of the core over a full table was measured at up to 55 ms, and a peer that
 * counts on a packet every 50 ms must not feel it. The thread owns everything that it works with;
 * commands and reports cross as messages on a socket pair, and nothing is shared or locked. What it
 * cannot tell for the moment it tells later: only the newest state of each session counts, and the
 * count of failures in it says when a session was down in between. */
#ifndef TANDEM_NODE_BFD_IO_H
#define TANDEM_NODE_BFD_IO_H

#include "bgp/bfd/bfd_set.h"

enum { BFD_IO_ADDRS = 2, BFD_IO_ERROR = 200 };

struct bfd_io_cfg {
    struct ip_addr addrs[BFD_IO_ADDRS]; /* of this node: sessions run from them */
    size_t addr_count;
    uint16_t port, multihop_port; /* BFD_PORT, BFD_PORT_MULTIHOP; others in tests only */
    struct hash_key key;          /* random */
    unsigned descriptors;         /* no socket with this number or above is kept for a peer; the others are needed */
};

struct bfd_report {
    uint32_t id;
    struct bfd_view view; /* since_ms is monotonic; packet counts are those of the last change */
    bool is_multihop;
    int send_error; /* errno of the last packet, 0 = it went out */
};

struct bfd_io;

/* 0 and *out, or a negative errno and a sentence for the user. */
int bfd_io_start(struct bfd_io **out, const struct bfd_io_cfg *cfg, char error[static BFD_IO_ERROR]);
/* One that is open already gets other times (RFC 5880 section 6.8.3); the rest stays. */
void bfd_io_open(struct bfd_io *io, const struct bfd_peer_cfg *peer);
/* AdminDown, once, and then no more of it; nothing is reported of it from then on. */
void bfd_io_close(struct bfd_io *io, uint32_t id);
/* AdminDown to every peer, so that none takes our end for a failure (RFC 5882 section 3.2). */
void bfd_io_stop(struct bfd_io *io);
/* Every peer has heard of the stop, or is gone itself. */
bool bfd_io_is_quiet(const struct bfd_io *io);

/* Readable when reports wait. */
int bfd_io_fd(const struct bfd_io *io);
bool bfd_io_next(struct bfd_io *io, struct bfd_report *out);
/* Ends the thread at once. */
void bfd_io_free(struct bfd_io *io);

#endif
