#include "node/keys/api_token.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "node/base/file.h"

static bool complain(FILE *errors, const char *path, const char *what)
{
    fprintf(errors, "%s: error: %s\n", path, what);
    return false;
}

static void hash(uint8_t out[static 32], const char *token, size_t len)
{
    crypto_generichash(out, 32, (const uint8_t *)token, len, NULL, 0);
}

/* A header holds no blank and no control character (RFC 6750 section 2.1 allows fewer still). */
static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return len > 0;
}

bool api_token_read(const char *path, struct api_token *out, FILE *errors)
{
    char text[API_TOKEN_MAX + 3]; /* and a line's end, and one to see that it is longer */
    struct stat st;
    *out = (struct api_token){ 0 };
    if (!path)
        return true;
    FILE *f = file_open(path);
    if (!f)
        return complain(errors, path, strerror(errno));
    size_t len = fstat(fileno(f), &st) || !S_ISREG(st.st_mode) ? 0 : fread(text, 1, sizeof text, f);
    fclose(f);
    while (len && strchr("\r\n\t ", text[len - 1]))
        len--;
    out->is_set = len <= API_TOKEN_MAX && is_token(text, len);
    if (out->is_set)
        hash(out->hash, text, len);
    sodium_memzero(text, sizeof text);
    if (!out->is_set)
        return complain(errors, path, "one line of 1 to 256 visible characters is expected; make one with: "
                                      "head -c 32 /dev/urandom | base64");
    if (st.st_mode & S_IRWXO) /* orchestrators give secrets such modes: only said */
        fprintf(errors, "%s: warning: others may read this token; mend it with: chmod 640\n", path);
    return true;
}

bool api_token_fits(const struct api_token *t, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    uint8_t given[sizeof t->hash];
    if (!t->is_set || !authorization || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *token = authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    hash(given, token, strlen(token));
    return sodium_memcmp(given, t->hash, sizeof given) == 0;
}
