#include "bgp/policy/policy.h"

#define NAME(name, word, text) word,
static const char *const names[] = { POLICY_VERDICT_MAP(NAME) };
#define TEXT(name, word, text) text,
static const char *const texts[] = { POLICY_VERDICT_MAP(TEXT) };

const char *policy_verdict_name(uint8_t verdict)
{
    return verdict < POLICY_VERDICTS ? names[verdict] : "unknown";
}

const char *policy_verdict_text(uint8_t verdict)
{
    return verdict < POLICY_VERDICTS ? texts[verdict] : "";
}

static bool is_node(const struct policy *p, const struct ip_addr *a)
{
    for (size_t i = 0; i < p->node_count; i++)
        if (ip_addr_is_equal(&p->nodes[i], a))
            return true;
    return false;
}

static bool is_inside(const struct policy *p, const struct ip_addr *a)
{
    for (size_t i = 0; i < p->space_count; i++)
        if (ip_prefix_contains_addr(&p->spaces[i], a))
            return true;
    return p->space_count == 0;
}

enum policy_verdict policy_import(const struct policy *p, const struct policy_nva *nva,
                                  const struct bgp_attrs *attrs)
{
    if (nva->is_refused)
        return POLICY_NO_IMPORT;
    if (ip_addr_is_zero(&attrs->next_hop))
        return POLICY_NO_NEXT_HOP;
    if (bgp_attrs_count_as(attrs, nva->local_asn) > nva->allow_own_as)
        return POLICY_AS_LOOP;
    if (nva->is_rs_client && attrs->marks & BGP_MARK_OTC)
        return POLICY_ROUTE_LEAK; /* RFC 9234 section 5, ingress 1 */
    if (is_node(p, &attrs->next_hop))
        return POLICY_NEXT_HOP_OURS;
    if (!is_inside(p, &attrs->next_hop))
        return POLICY_NEXT_HOP_OUTSIDE;
    return POLICY_ACCEPTED;
}
