/* /v1/log/level: how much the log tells. Another level than the configuration's is for a while: a reload, or a start, goes
 * by the file again. */
#include "node/api/params.h"
#include "node/api/reply.h"

static void tell_level(const struct api_view *v, int level, struct api_reply *out)
{
    reply_json(out, json_pack("{s:s, s:s}", "level", config_log_levels[level], "configured",
                              config_log_levels[v->config->log_level]));
}

void api_log(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)q;
    tell_level(v, v->log_level(v->data, -1), out);
}

/* Without a level: the configuration's. */
void api_log_set(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    unsigned level = v->config->log_level;
    if (api_word(q, "level", config_log_levels, &level, out))
        tell_level(v, v->log_level(v->data, (int)level), out);
}
