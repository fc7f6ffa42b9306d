/* Who we are to the resource manager: a request for a token, and the token in its answer.
 *
 * system, user-assigned   the identity endpoint of the machine (IMDS), no secret of ours
 * service principal       a file as `az ad sp create-for-rbac` prints it (both of its forms), read anew
 *                         for every token, so that a rotated secret counts without a restart
 * Source: Microsoft Entra documentation, "How to use managed identities … to acquire an access token"
 * (api-version 2018-02-01) and "OAuth 2.0 client credentials flow"; the cloud study, 5.1. */
#ifndef TANDEM_NODE_TARGETS_AZURE_IDENTITY_H
#define TANDEM_NODE_TARGETS_AZURE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bgp/codec/types.h"

enum { AZURE_HEADERS_MAX = 4, AZURE_IDENTITY_ERROR = 256 };

/* A request of the azure target, all of it its own memory. May carry secrets: end it with _fini. */
struct azure_request {
    const char *method;
    char *url;
    char *headers[AZURE_HEADERS_MAX + 1]; /* "Name: value", ended by NULL */
    char *body;                           /* NULL: none */
    size_t len;
    uint32_t timeout_ms;
};

/* Adds a header; printf format. */
void azure_request_header(struct azure_request *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Wipes and frees what it holds. */
void azure_request_fini(struct azure_request *r);

struct azure_identity {
    const char *endpoint;       /* of the machine's identity, "http://169.254.169.254" */
    const char *audience;       /* "https://management.azure.com/": its final slash matters */
    const char *client_id;      /* user-assigned identity; NULL: the system's */
    const char *principal_file; /* service principal instead; NULL: none */
};

/* What to ask for a token. False: error says what is wrong with the file. */
bool azure_identity_request(const struct azure_identity *id, struct azure_request *out,
                            char error[static AZURE_IDENTITY_ERROR]) MUST_USE;

/* A token from an answer with status 200.
 * token       free() it after wiping; NULL on failure
 * lifetime_s  seconds from the answer on
 * returns     false: error says what is wrong */
bool azure_identity_answer(const char *body, size_t len, char **token, uint32_t *lifetime_s,
                           char error[static AZURE_IDENTITY_ERROR]) MUST_USE;

#endif
