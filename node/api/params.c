#include "node/api/params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/api/reply.h"

bool api_number(const struct api_request *q, const char *name, uint64_t least, uint64_t most,
                uint64_t *value, struct api_reply *out)
{
    const char *text = api_param(q, name);
    if (!text)
        return true;
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    bool is_number = *text >= '0' && *text <= '9' && !*end && !errno;
    if (!is_number || n < least || n > most) {
        reply_problem(out, 400, name, "%s must be a number from %llu to %llu", name,
                      (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    *value = n;
    return true;
}

bool api_prefix(const struct api_request *q, struct ip_prefix *prefix, struct api_reply *out)
{
    const char *text = api_param(q, "prefix");
    struct ip_prefix around;
    char right[IP_PREFIX_TEXT];
    if (text && !ip_prefix_parse(text, prefix))
        return true;
    if (!text)
        reply_problem(out, 400, "prefix", "it needs a prefix such as 10.1.0.0/16, or an address");
    else if (!ip_prefix_parse_around(text, &around))
        reply_problem(out, 400, "prefix", "\"%s\" is no prefix: bits behind its length must be zero, as in %s", text,
                      ip_prefix_format(&around, right));
    else
        reply_problem(out, 400, "prefix", "\"%s\" is no prefix such as 10.1.0.0/16", text);
    return false;
}

bool api_word(const struct api_request *q, const char *name, const char *const *words,
              unsigned *index, struct api_reply *out)
{
    const char *text = api_param(q, name);
    char known[160] = "";
    size_t len = 0;
    if (!text)
        return true;
    for (unsigned i = 0; words[i]; i++) {
        if (!strcmp(words[i], text)) {
            *index = i;
            return true;
        }
        if (len < sizeof known)
            len +=
                (size_t)snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "", words[i]);
    }
    reply_problem(out, 400, name, "%s must be one of: %s", name, known);
    return false;
}
