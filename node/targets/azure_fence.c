#include "node/targets/azure_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void azure_fence_format(const struct azure_machine_cfg *cfg, const struct repl_fence_record *r,
                        uint64_t beat, char out[static AZURE_TAG_MAX + 1])
{
    snprintf(out, AZURE_TAG_MAX + 1, "%s;%llu;%s;%llu;%llu", cfg->config->name,
             (unsigned long long)r->epoch, cfg->config->nodes[r->owner - 1].name,
             (unsigned long long)r->incarnation, (unsigned long long)beat);
}

/* One field up to the next semicolon, or the end. */
static bool take_field(const char **at, char *out, size_t cap)
{
    size_t len = strcspn(*at, ";");
    if (!len || len >= cap)
        return false;
    memcpy(out, *at, len);
    out[len] = 0;
    *at += len + ((*at)[len] == ';');
    return true;
}

static bool take_number(const char **at, uint64_t *out)
{
    char text[24], *end;
    if (!take_field(at, text, sizeof text) || !isdigit((unsigned char)text[0]) || strlen(text) > 19)
        return false;
    *out = strtoull(text, &end, 10);
    return *end == 0;
}

enum azure_tag azure_fence_parse(const struct azure_machine_cfg *cfg, const char *tag,
                                 struct repl_fence_record *out, uint64_t *beat)
{
    char cluster[CONFIG_NAME_MAX + 1], owner[CONFIG_NAME_MAX + 1];
    *out = (struct repl_fence_record){ 0 };
    if (!take_field(&tag, cluster, sizeof cluster) || !take_number(&tag, &out->epoch) ||
        !take_field(&tag, owner, sizeof owner) || !take_number(&tag, &out->incarnation) ||
        !take_number(&tag, beat) || *tag || !out->epoch)
        return AZURE_TAG_NONE;
    const struct config_node *node = config_find_node(cfg->config, owner);
    out->owner = node ? node->id : 0; /* a node that is no longer configured */
    return strcmp(cluster, cfg->config->name) == 0 ? AZURE_TAG_GOOD : AZURE_TAG_OF_OTHERS;
}
