/* POST /v1/config/check and /v1/config/reload: the daemon reads its own file again. */
#include <stdlib.h>
#include <string.h>

#include "node/api/reply.h"

/* RFC 9457: all that is wrong with the file, as tandemd --check prints it. */
static void tell_refusal(struct api_reply *out, const char *text)
{
    reply_json(out, json_pack("{s:s, s:s, s:i, s:o, s:[]}", "type", "about:blank", "title",
                              "Unprocessable Content", "status", 422, "detail", json_text(text), "errors"));
    out->status = 422;
    out->type = "application/problem+json";
}

static void tell_changes(const struct api_view *v, struct api_reply *out, bool is_dry, char *text)
{
    json_t *changes = json_array();
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (line[0])
            json_array_append_new(changes, json_text(line));
    reply_json(out, json_pack("{s:b, s:I, s:o}", "applied", !is_dry, "generation",
                              (json_int_t)v->config->generation, "changes", changes));
}

static void order(const struct api_view *v, struct api_reply *out, bool is_dry)
{
    char *text = NULL;
    size_t len;
    FILE *said = open_memstream(&text, &len);
    bool is_good = said && v->reload(v->reload_data, is_dry, said);
    if (!said || fclose(said))
        abort();
    if (is_good)
        tell_changes(v, out, is_dry, text);
    else
        tell_refusal(out, text);
    free(text);
}

void api_config_check(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)q;
    order(v, out, true);
}

void api_config_reload(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)q;
    order(v, out, false);
}
