/* The token that lets somebody write over TCP: api.tokenFile, one line, as `Authorization: Bearer TOKEN`
 * (RFC 6750). Only its hash is kept, and neither is ever logged. */
#ifndef TANDEM_NODE_API_TOKEN_H
#define TANDEM_NODE_API_TOKEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { API_TOKEN_MAX = 256 };

struct api_token {
    bool is_set;
    uint8_t hash[32];
};

/* path NULL: nobody writes over TCP. False: a line in errors says what is wrong with the file, and the mend. */
bool api_token_read(const char *path, struct api_token *out, FILE *errors);
/* Does this header carry it? NULL: there is no header. Takes as long for a wrong one as for the right one. */
bool api_token_fits(const struct api_token *t, const char *authorization);

#endif
