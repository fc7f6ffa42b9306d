#include "node/program/vnet.h"

#define NAME(name, word, text) word,
static const char *const names[] = { VNET_VERDICT_MAP(NAME) };
#define TEXT(name, word, text) text,
static const char *const texts[] = { VNET_VERDICT_MAP(TEXT) };

const char *vnet_verdict_name(uint8_t verdict)
{
    return verdict < VNET_VERDICTS ? names[verdict] : "unknown";
}

const char *vnet_verdict_text(uint8_t verdict)
{
    return verdict < VNET_VERDICTS ? texts[verdict] : "";
}

static bool covers_a_node(const struct vnet *v, const struct ip_prefix *prefix)
{
    for (size_t i = 0; i < v->node_count; i++)
        if (ip_prefix_contains_addr(prefix, &v->nodes[i]))
            return true;
    return false;
}

enum vnet_verdict vnet_judge(const struct vnet *v, const struct ip_prefix *prefix,
                             bool allow_own_space)
{
    if (allow_own_space)
        return VNET_PROGRAMMED;
    for (size_t i = 0; i < v->space_count; i++)
        if (ip_prefix_contains(&v->spaces[i], prefix))
            return v->is_peered[i]                                                ? VNET_PEERED_SPACE
                   : prefix->len > v->spaces[i].len && covers_a_node(v, prefix) ? VNET_OWN_SUBNET
                                                                                  : VNET_OWN_SPACE;
    return VNET_PROGRAMMED;
}
