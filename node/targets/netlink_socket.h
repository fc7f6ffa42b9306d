/* Non-blocking rtnetlink sockets, and the one exchange that needs no waiting.
 *
 * The kernel works through a request inside send(): when send() returns, every answer but the later
 * parts of a dump is in the receive buffer. So a request and its answer are one function call, and
 * an answer that is not there was lost (-ENOBUFS).
 * Source: netlink(7); NETLINK_EXT_ACK for the reason in the kernel's words. */
#ifndef TANDEM_NODE_TARGETS_NETLINK_SOCKET_H
#define TANDEM_NODE_TARGETS_NETLINK_SOCKET_H

#include "bgp/codec/types.h"

#include <libmnl/libmnl.h>

enum { NL_REASON_MAX = 160 };

struct nl_socket {
    struct mnl_socket *mnl;
    uint32_t seq;
    uint8_t *buf; /* for receiving */
};

/* A buffer that holds the largest part of a dump. */
enum { NL_RECEIVE_MAX = 64 * 1024 };

/* 0 or a negative errno, and then the socket is closed. */
int nl_open(struct nl_socket *s) MUST_USE;
void nl_close(struct nl_socket *s); /* also of a zeroed one */
int nl_fd(const struct nl_socket *s);
uint32_t nl_port(const struct nl_socket *s);
/* Let the kernel filter dumps by table and protocol, where it can. */
void nl_ask_filtered_dumps(struct nl_socket *s);
/* Hear what others do to routes, nexthops, links and addresses. Messages about what `own_port` did
 * and about other protocols' additions never reach the buffer, so they cannot overrun it. */
int nl_subscribe(struct nl_socket *s, uint32_t own_port) MUST_USE;

/* Bytes that hold whole messages; 0 or a negative errno. */
int nl_send(struct nl_socket *s, const void *data, size_t len) MUST_USE;
/* Bytes received into s->buf, 0 = nothing there, or a negative errno (-ENOBUFS: some were lost). */
int nl_receive(struct nl_socket *s) MUST_USE;

struct nl_answer {
    int error; /* 0 or a negative errno */
    char reason[NL_REASON_MAX];
};

/* The verdict in a NLMSG_ERROR or NLMSG_DONE message. */
void nl_read_answer(const struct nlmsghdr *h, struct nl_answer *out);

typedef void (*nl_message_fn)(void *data, const struct nlmsghdr *h);

/* Sends one request (its sequence number is set here), gives every message of the answer to
 * on_message (NULL = none expected) and returns the verdict, also in *out. */
int nl_talk(struct nl_socket *s, struct nlmsghdr *request, nl_message_fn on_message, void *data,
            struct nl_answer *out);

#endif
