#include "node/io/supervisor.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t number_in(const char *variable)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : 0;
}

/* WATCHDOG_PID may name another process: the variables are inherited. */
static uint64_t watchdog_ms(void)
{
    uint64_t pid = number_in("WATCHDOG_PID");
    if (pid && pid != (uint64_t)getpid())
        return 0;
    return number_in("WATCHDOG_USEC") / 1000;
}

void supervisor_init(struct supervisor *s)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    *s = (struct supervisor){ .fd = -1, .address = { .sun_family = AF_UNIX } };
    if (len < 2 || len >= sizeof s->address.sun_path)
        return;
    memcpy(s->address.sun_path, path, len);
    if (path[0] == '@') /* the abstract namespace */
        s->address.sun_path[0] = 0;
    s->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    s->beat_ms = watchdog_ms() / 2;
}

void supervisor_fini(struct supervisor *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void supervisor_tell(const struct supervisor *s, const char *state)
{
    if (s->fd >= 0)
        (void)sendto(s->fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&s->address,
                     s->address_len);
}

void supervisor_beat(struct supervisor *s, uint64_t now_ms)
{
    if (!s->beat_ms || now_ms < s->next_ms)
        return;
    s->next_ms = now_ms + s->beat_ms;
    supervisor_tell(s, "WATCHDOG=1");
}
