/* Orders: drain and undrain this node; disable, enable and clear a peer on it. The answer says what came
 * of it, nothing waits for anybody. */
#include <string.h>

#include "bgp/codec/notification.h"
#include "node/api/params.h"
#include "node/api/reply.h"
#include "node/api/sight.h"

/* Words for the other side, "" without. False: *out holds the refusal. */
static bool take_message(const struct api_request *q, const char **text, struct api_reply *out)
{
    *text = api_param(q, "message");
    if (!*text)
        *text = "";
    if (strlen(*text) <= BGP_NOTIFICATION_TEXT)
        return true;
    reply_problem(out, 400, "message", "a message has at most %d octets (RFC 9003), this one %zu",
                  BGP_NOTIFICATION_TEXT, strlen(*text));
    return false;
}

/* ---- the node ---- */

static bool is_self(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    const struct config_node *node = config_find_node(v->config, q->rest);
    if (!node)
        reply_problem(out, 404, NULL, "no node is named \"%s\"", q->rest);
    else if (node->id != v->self)
        reply_problem(out, 409, NULL, "this is node %s: ask %s itself, there or with tandemctl --node",
                      v->config->nodes[v->self - 1].name, q->rest);
    return node && node->id == v->self;
}

static void tell_drain(const struct api_view *v, struct api_reply *out)
{
    struct core_status s;
    core_status(v->core, v->now_ms, &s);
    reply_json(out, json_pack("{s:s, s:s}", "node", s.self->name, "state", core_drain_name(s.drain)));
}

void api_node_drain(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    const char *text;
    if (!is_self(v, q, out) || !take_message(q, &text, out))
        return;
    core_drain(v->core, text, v->now_ms);
    tell_drain(v, out);
}

void api_node_undrain(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    if (!is_self(v, q, out))
        return;
    core_undrain(v->core, v->now_ms);
    tell_drain(v, out);
}

/* ---- peers ---- */

static void tell_peer(const struct api_view *v, const struct api_request *q, const char *action, enum core_act result,
                      struct api_reply *out)
{
    static const char *const refusals[CORE_ACTS] = {
        [CORE_ACT_NOT_HERE] = "peer %s has no session with this node: it is disabled in the configuration, "
                              "or is for other nodes",
        [CORE_ACT_NOT_UP] = "the session with peer %s is not established",
        [CORE_ACT_NO_REFRESH] = "peer %s cannot be asked for its routes again (RFC 2918)",
        [CORE_ACT_STOPPING] = "this node stops: peer %s is being told so",
    };
    if (result == CORE_ACT_DONE)
        reply_json(out, json_pack("{s:s, s:s}", "name", q->rest, "action", action));
    else if (result == CORE_ACT_UNKNOWN)
        sight_no_peer(v, NULL, q->rest, out);
    else
        reply_problem(out, 409, NULL, refusals[result], q->rest);
}

void api_peer_disable(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    const char *text;
    if (!take_message(q, &text, out))
        return;
    enum core_act result = core_peer_disable(v->core, q->rest, text[0] ? text : NULL, v->now_ms);
    tell_peer(v, q, "disable", result, out);
}

void api_peer_enable(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    tell_peer(v, q, "enable", core_peer_enable(v->core, q->rest, v->now_ms), out);
}

void api_peer_clear(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    static const char *const kinds[] = { [CORE_CLEAR_RESET] = "reset",
                                         [CORE_CLEAR_HARD] = "hard",
                                         [CORE_CLEAR_SOFT_IN] = "softIn",
                                         [CORE_CLEAR_SOFT_OUT] = "softOut",
                                         NULL };
    unsigned kind = CORE_CLEAR_RESET;
    if (!api_word(q, "kind", kinds, &kind, out))
        return;
    tell_peer(v, q, "clear", core_peer_clear(v->core, q->rest, (enum core_clear)kind, v->now_ms), out);
}
