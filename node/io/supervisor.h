/* What the service manager is told: sd_notify(3), a datagram to the socket named in NOTIFY_SOCKET.
 *
 * READY once everything listens, WATCHDOG from the loop that does the work (a stuck loop looks stuck),
 * STOPPING at the orderly end. Without a service manager that listens nothing happens, ever.
 * Source: sd_notify(3), sd_watchdog_enabled(3); the protocol is stable and needs no library. */
#ifndef TANDEM_NODE_SUPERVISOR_H
#define TANDEM_NODE_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct supervisor {
    int fd; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t address_len;
    uint64_t beat_ms, next_ms; /* half of WATCHDOG_USEC; 0 = no watchdog */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of this process. */
void supervisor_init(struct supervisor *s);
void supervisor_fini(struct supervisor *s);

/* "READY=1", "STOPPING=1", or several lines. Never blocks. */
void supervisor_tell(const struct supervisor *s, const char *state);
/* The loop turned: tells it when the watchdog is due. */
void supervisor_beat(struct supervisor *s, uint64_t now_ms);

#endif
