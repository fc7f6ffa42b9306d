#include "node/api/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

static socklen_t fill_address(union address *out, const struct config_endpoint *at)
{
    memset(out, 0, sizeof *out);
    if (at->addr.family == BGP_IP4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(at->port);
        memcpy(&out->v4.sin_addr, at->addr.bytes, 4);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(at->port);
    memcpy(&out->v6.sin6_addr, at->addr.bytes, 16);
    return sizeof out->v6;
}

static const char *advice(int err)
{
    switch (err) {
    case EADDRINUSE:
        return "another program has this port: stop it or choose another one in";
    case EADDRNOTAVAIL:
        return "no interface of this machine has this address: correct";
    case EACCES:
        return "ports below 1024 need CAP_NET_BIND_SERVICE: grant it or change";
    default:
        return "correct";
    }
}

static int tcp_fault(const struct config_endpoint *at, const char *key, int fd, char *error,
                     size_t cap)
{
    char text[IP_ADDR_TEXT];
    int err = errno;
    bool is_v6 = at->addr.family == BGP_IP6;
    snprintf(error, cap, "cannot listen on %s%s%s:%u: %s; %s %s", is_v6 ? "[" : "",
             ip_addr_format(&at->addr, text), is_v6 ? "]" : "", at->port, strerror(err),
             advice(err), key);
    if (fd >= 0)
        close(fd);
    return -1;
}

int listen_tcp(const struct config_endpoint *at, const char *key, char *error, size_t cap)
{
    static const int on = 1;
    union address address;
    socklen_t len = fill_address(&address, at);
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return tcp_fault(at, key, fd, error, cap);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        (at->addr.family == BGP_IP6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on)) ||
        bind(fd, &address.any, len) || listen(fd, BACKLOG))
        return tcp_fault(at, key, fd, error, cap);
    return fd;
}

static int unix_fault(const char *path, const char *what, int fd, char *error, size_t cap)
{
    snprintf(error, cap, "cannot listen on %s: %s", path, what);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int bind_private(int fd, const union address *address)
{
    mode_t before = umask(0117); /* at birth, not afterwards: there is no moment of wider rights */
    int err = bind(fd, &address->any, sizeof address->un);
    umask(before);
    return err;
}

/* A file left by a process that is gone: connecting to it is refused. */
static bool is_stale(const union address *address)
{
    struct stat st;
    if (lstat(address->un.sun_path, &st) || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, &address->any, sizeof address->un) && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

int listen_unix(const char *path, char *error, size_t cap)
{
    union address address = { .un = { .sun_family = AF_UNIX } };
    size_t len = strlen(path);
    if (len >= sizeof address.un.sun_path)
        return unix_fault(path,
                          "the path is longer than 107 bytes; shorten routeServer.runDirectory", -1,
                          error, cap);
    memcpy(address.un.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return unix_fault(path, strerror(errno), fd, error, cap);
    int err = bind_private(fd, &address);
    if (err && errno == EADDRINUSE && is_stale(&address) && !unlink(path))
        err = bind_private(fd, &address);
    if (err && errno == EADDRINUSE)
        return unix_fault(
            path,
            "a running tandemd of this node has it, or the file is no socket; stop that "
            "tandemd, remove the file, or change routeServer.runDirectory",
            fd, error, cap);
    if (err || listen(fd, BACKLOG)) {
        char what[160];
        snprintf(what, sizeof what, "%s; correct routeServer.runDirectory", strerror(errno));
        return unix_fault(path, what, fd, error, cap);
    }
    return fd;
}
