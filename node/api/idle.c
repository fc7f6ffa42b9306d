/* At its limit a listener accepts nobody until a connection ends. Those that have asked for nothing, or got their answer
 * and stay open for the next request, would keep others out for as long as they may be silent. */
#include <stdlib.h>

#include "node/api/api_impl.h"
#include "node/base/memory.h"

enum { HURRIED_S = 1 };

struct connection {
    struct list all;
    struct MHD_Connection *mhd;
    struct api_listener *listener;
    bool asks, is_hurried;
};

void idle_noted(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode what)
{
    struct api_listener *l = cls;
    struct connection *c = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = c = memory_new(1, sizeof *c);
        c->mhd = mhd;
        c->listener = l;
        list_append(&l->connections, &c->all);
        return;
    }
    list_remove(&c->all);
    free(c);
    *context = NULL;
}

static void set_timeout(struct connection *c, bool is_hurried)
{
    if (c->is_hurried == is_hurried)
        return;
    c->is_hurried = is_hurried;
    MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, is_hurried ? (unsigned)HURRIED_S : c->listener->timeout_s);
}

void idle_hurry(struct api_listener *l)
{
    LIST_EACH(node, &l->connections)
    {
        struct connection *c = LIST_OF(node, struct connection, all);
        if (!c->asks)
            set_timeout(c, true);
    }
}

void idle_asks(struct MHD_Connection *mhd, bool asks)
{
    struct connection *c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    c->asks = asks;
    if (asks)
        set_timeout(c, false);
}
