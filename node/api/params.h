/* Query parameters that are numbers or one of some words. */
#ifndef TANDEM_NODE_API_PARAMS_H
#define TANDEM_NODE_API_PARAMS_H

#include "node/api/routes.h"

/* Leaves *value alone when the parameter is absent. False: *out holds the refusal. */
bool api_number(const struct api_request *q, const char *name, uint64_t least, uint64_t most,
                uint64_t *value, struct api_reply *out);
/* "prefix", which has to be there. */
bool api_prefix(const struct api_request *q, struct ip_prefix *prefix, struct api_reply *out);
/* words  NULL-terminated; *index is that of the word given, left alone when absent */
bool api_word(const struct api_request *q, const char *name, const char *const *words,
              unsigned *index, struct api_reply *out);

#endif
