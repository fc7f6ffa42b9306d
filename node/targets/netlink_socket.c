#include "node/targets/netlink_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BUFFER_BYTES = 8 << 20 };

static void enlarge_buffers(int fd)
{
    int bytes = BUFFER_BYTES;
    /* FORCE needs CAP_NET_ADMIN, which programming routes needs too; else as much as is allowed. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    bytes = BUFFER_BYTES / 8;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

int nl_open(struct nl_socket *s)
{
    *s = (struct nl_socket){ .buf = malloc(NL_RECEIVE_MAX) };
    s->mnl = s->buf ? mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC) : NULL;
    if (!s->mnl || mnl_socket_bind(s->mnl, 0, MNL_SOCKET_AUTOPID) < 0) {
        int error = s->buf ? -errno : -ENOMEM;
        nl_close(s);
        return error;
    }
    int on = 1;
    mnl_socket_setsockopt(s->mnl, NETLINK_EXT_ACK, &on, sizeof on);
    mnl_socket_setsockopt(s->mnl, NETLINK_CAP_ACK, &on, sizeof on);
    enlarge_buffers(nl_fd(s));
    return 0;
}

void nl_close(struct nl_socket *s)
{
    if (s->mnl)
        mnl_socket_close(s->mnl);
    free(s->buf);
    *s = (struct nl_socket){ 0 };
}

int nl_fd(const struct nl_socket *s)
{
    return mnl_socket_get_fd(s->mnl);
}

uint32_t nl_port(const struct nl_socket *s)
{
    return mnl_socket_get_portid(s->mnl);
}

void nl_ask_filtered_dumps(struct nl_socket *s)
{
    int on = 1;
    mnl_socket_setsockopt(s->mnl, NETLINK_GET_STRICT_CHK, &on, sizeof on);
}

/* Drops what own_port did, and route additions that replace nothing. Offsets are those of struct
 * nlmsghdr; loads give network byte order, hence the constants. */
static int attach_filter(int fd, uint32_t own_port)
{
    enum { TYPE = 4, FLAGS = 6, PORT = 12 };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, PORT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(own_port), 5, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, TYPE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 0, 2),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, FLAGS),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, htons(NLM_F_REPLACE), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) ? -errno : 0;
}

int nl_subscribe(struct nl_socket *s, uint32_t own_port)
{
    static const int groups[] = { RTNLGRP_LINK,    RTNLGRP_IPV4_ROUTE,  RTNLGRP_IPV6_ROUTE,
                                  RTNLGRP_NEXTHOP, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR };
    int error = attach_filter(nl_fd(s), own_port);
    for (size_t i = 0; !error && i < sizeof groups / sizeof *groups; i++) {
        int group = groups[i];
        if (mnl_socket_setsockopt(s->mnl, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
            error = -errno;
    }
    return error;
}

int nl_send(struct nl_socket *s, const void *data, size_t len)
{
    ssize_t n;
    do
        n = mnl_socket_sendto(s->mnl, data, len);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int nl_receive(struct nl_socket *s)
{
    ssize_t n;
    do
        n = mnl_socket_recvfrom(s->mnl, s->buf, NL_RECEIVE_MAX);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return (int)n;
    return errno == EAGAIN ? 0 : -errno;
}

static int read_reason(const struct nlattr *a, void *data)
{
    struct nl_answer *out = data;
    if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
        snprintf(out->reason, sizeof out->reason, "%s", mnl_attr_get_str(a));
    return MNL_CB_OK;
}

void nl_read_answer(const struct nlmsghdr *h, struct nl_answer *out)
{
    *out = (struct nl_answer){ 0 };
    bool is_error = h->nlmsg_type == NLMSG_ERROR;
    unsigned fixed = is_error ? sizeof(struct nlmsgerr) : sizeof(int);
    if (mnl_nlmsg_get_payload_len(h) < fixed)
        return;
    memcpy(&out->error, mnl_nlmsg_get_payload(h), sizeof out->error);
    if (out->error)
        snprintf(out->reason, sizeof out->reason, "%s%s", strerror(-out->error),
                 out->error == -EPERM ? ": this process lacks CAP_NET_ADMIN" : "");
    if (h->nlmsg_flags & NLM_F_ACK_TLVS)
        mnl_attr_parse(h, fixed, read_reason, out);
}

/* True when the verdict on sequence number seq has been read. */
static bool read_answer(struct nl_socket *s, int len, nl_message_fn on_message, void *data,
                        struct nl_answer *out)
{
    const struct nlmsghdr *h = (const void *)s->buf;
    for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
        if (h->nlmsg_seq != s->seq)
            continue;
        if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
            nl_read_answer(h, out);
            return true;
        }
        if (on_message)
            on_message(data, h);
    }
    return false;
}

int nl_talk(struct nl_socket *s, struct nlmsghdr *request, nl_message_fn on_message, void *data,
            struct nl_answer *out)
{
    request->nlmsg_seq = ++s->seq;
    if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
        request->nlmsg_flags |= NLM_F_ACK;
    int n = nl_send(s, request, request->nlmsg_len);
    *out = (struct nl_answer){ .error = n };
    while (!n) {
        n = nl_receive(s);
        if (n > 0 && read_answer(s, n, on_message, data, out))
            return out->error;
        n = n > 0 ? 0 : (n ? n : -ENOBUFS);
    }
    out->error = n;
    snprintf(out->reason, sizeof out->reason, "%s", strerror(-n));
    return n;
}
