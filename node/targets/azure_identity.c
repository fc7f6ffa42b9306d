#include "node/targets/azure_identity.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node/base/memory.h"

enum { TIMEOUT_MS = 10000, LIFETIME_MAX_S = 7 * 86400, TOKEN_MAX = 16384 };

static const char public_authority[] = "https://login.microsoftonline.com";

/* ---- requests ---- */

static char *print(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *print(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    return text;
}

void azure_request_header(struct azure_request *r, const char *format, ...)
{
    va_list args;
    char **at = r->headers;
    while (*at)
        at++;
    va_start(args, format);
    if (at == r->headers + AZURE_HEADERS_MAX || vasprintf(at, format, args) < 0)
        abort();
    va_end(args);
}

static void wipe(char *text, size_t len)
{
    if (text)
        explicit_bzero(text, len);
    free(text);
}

void azure_request_fini(struct azure_request *r)
{
    for (char **h = r->headers; *h; h++)
        wipe(*h, strlen(*h));
    wipe(r->body, r->len);
    free(r->url);
    *r = (struct azure_request){ 0 };
}

/* Percent-encoding of all but the unreserved characters (RFC 3986 section 2.3). */
static char *encode(const char *text)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    char *out = memory_new(3 * strlen(text) + 1, 1), *at = out;
    for (; *text; text++) {
        if (strchr(unreserved, *text))
            *at++ = *text;
        else
            at += sprintf(at, "%%%02X", (unsigned char)*text);
    }
    return out;
}

/* ---- asking ---- */

static void ask_machine(const struct azure_identity *id, struct azure_request *out)
{
    char *audience = encode(id->audience), *client = encode(id->client_id ? id->client_id : "");
    out->method = "GET";
    out->url = print("%s/metadata/identity/oauth2/token?api-version=2018-02-01&resource=%s%s%s",
                     id->endpoint, audience, id->client_id ? "&client_id=" : "", client);
    azure_request_header(out, "Metadata: true");
    free(audience);
    free(client);
}

/* The first of two names that stands in the file: --json-auth and the plain form differ. */
static const char *either(const json_t *file, const char *one, const char *other)
{
    const char *text = json_string_value(json_object_get(file, one));
    return text ? text : json_string_value(json_object_get(file, other));
}

static bool ask_authority(const json_t *file, const char *audience, struct azure_request *out)
{
    const char *client = either(file, "clientId", "appId");
    const char *secret = either(file, "clientSecret", "password");
    const char *tenant = either(file, "tenantId", "tenant");
    const char *authority = either(file, "activeDirectoryEndpointUrl", "authority");
    if (!client || !secret || !tenant)
        return false;
    char *parts[] = { encode(client), encode(secret), encode(audience), encode(tenant) };
    if (!authority)
        authority = public_authority;
    int bare = (int)strlen(authority); /* Azure's own files end it with a slash */
    while (bare && authority[bare - 1] == '/')
        bare--;
    out->method = "POST";
    out->url = print("%.*s/%s/oauth2/v2.0/token", bare, authority, parts[3]);
    out->body = print("grant_type=client_credentials&client_id=%s&client_secret=%s&scope=%s.default",
                      parts[0], parts[1], parts[2]);
    out->len = strlen(out->body);
    azure_request_header(out, "Content-Type: application/x-www-form-urlencoded");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        wipe(parts[i], strlen(parts[i]));
    return true;
}

/* The file's content; NULL with the reason in error. */
static json_t *load_principal(const char *path, char error[static AZURE_IDENTITY_ERROR])
{
    json_error_t fault;
    struct stat st;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &fault);
    if (!file)
        snprintf(error, AZURE_IDENTITY_ERROR, "%.120s: %.100s", path, fault.text);
    else if (stat(path, &st) == 0 && !(st.st_mode & (S_IRWXG | S_IRWXO)))
        return file;
    else
        snprintf(error, AZURE_IDENTITY_ERROR,
                 "%.120s: others may read this secret; mend it with: chmod 600", path);
    json_decref(file);
    return NULL;
}

bool azure_identity_request(const struct azure_identity *id, struct azure_request *out,
                            char error[static AZURE_IDENTITY_ERROR])
{
    *out = (struct azure_request){ .timeout_ms = TIMEOUT_MS };
    if (!id->principal_file) {
        ask_machine(id, out);
        return true;
    }
    json_t *file = load_principal(id->principal_file, error);
    bool ok = file && ask_authority(file, id->audience, out);
    if (file && !ok)
        snprintf(error, AZURE_IDENTITY_ERROR,
                 "%.120s: clientId, clientSecret and tenantId are needed", id->principal_file);
    json_decref(file);
    return ok;
}

/* ---- the answer ---- */

/* The identity endpoint says it as a text, the authority as a number. */
static long long seconds(const json_t *value)
{
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10)
                                 : json_integer_value(value);
}

/* A token becomes part of a header: one word of printable characters. */
static bool is_token(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (!len || len > TOKEN_MAX)
        return false;
    for (; *text; text++)
        if (*text <= 0x20 || *text > 0x7e)
            return false;
    return true;
}

bool azure_identity_answer(const char *body, size_t len, char **token, uint32_t *lifetime_s,
                           char error[static AZURE_IDENTITY_ERROR])
{
    json_t *answer = json_loadb(body, len, 0, NULL);
    const char *text = json_string_value(json_object_get(answer, "access_token"));
    long long lifetime = seconds(json_object_get(answer, "expires_in"));
    bool ok = is_token(text) && lifetime > 0;
    *token = ok ? memory_copy_text(text) : NULL;
    *lifetime_s = (uint32_t)(lifetime < LIFETIME_MAX_S ? lifetime : LIFETIME_MAX_S);
    if (!ok)
        snprintf(error, AZURE_IDENTITY_ERROR, "%s",
                 !answer          ? "the answer is no JSON"
                 : is_token(text) ? "the token has no lifetime"
                                  : "the answer has no token");
    json_decref(answer);
    return ok;
}
