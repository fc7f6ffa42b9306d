/* What the API answers, as two tables: what is read, and the orders. */
#ifndef TANDEM_NODE_API_ENDPOINTS_H
#define TANDEM_NODE_API_ENDPOINTS_H

#include "node/api/routes.h"

/* One row an endpoint. A "*" in a path stands for one name. */
struct endpoint {
    const char *path;
    const char *params[API_PARAMS_MAX]; /* those it knows; NULL ends */
    bool on_health;                     /* the health listener serves it too */
    api_handler *answer;
    bool takes_body;                    /* of an order: others take none, or {} */
    const char *summary; /* for people: /v1/openapi.json */
};

/* is_post: the orders */
const struct endpoint *endpoint_table(bool is_post, size_t *count);

#endif
