/* /v1/config, …/revisions, …/schema: what is in force, since when, and what may stand in the file. */
#include <stdlib.h>

#include "node/api/sight.h"
#include "node/config/config_json.h"

void sight_etag(const struct api_view *v, char etag[static API_ETAG])
{
    struct core_revision r = { 0 };
    core_revision(v->core, 0, &r);
    snprintf(etag, API_ETAG, "\"%llu-%02x%02x%02x%02x\"", (unsigned long long)r.number, r.digest[0], r.digest[1],
             r.digest[2], r.digest[3]);
}

void api_config(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)q;
    reply_json(out, config_json(v->config));
}

void api_config_revisions(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    struct core_revision r, newest = { 0 };
    json_t *items = json_array();
    (void)q;
    core_revision(v->core, 0, &newest);
    for (size_t back = 0; core_revision(v->core, back, &r); back++) {
        json_t *o = json_pack("{s:I, s:b, s:I, s:o}", "revision", (json_int_t)r.number, "current", back == 0,
                              "generation", (json_int_t)r.generation, "digest", json_hex(r.digest, sizeof r.digest));
        json_set_time(o, "since", v, r.at_ms);
        json_set_age(o, "ageSeconds", v, r.at_ms);
        json_array_append_new(items, o);
    }
    reply_list(out, items, NULL, newest.number);
}

void api_config_schema(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)v, (void)q;
    reply_json(out, config_schema());
    out->type = "application/schema+json";
}
