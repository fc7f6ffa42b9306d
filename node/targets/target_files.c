#include "node/targets/target_files.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "node/base/file.h"
#include "node/targets/azure_identity.h"

enum { LINE_BYTES = 4096 }; /* of which the beginning is looked at */

/* Is this the line that makes the file one of its kind? */
typedef bool is_sign(const char *line);

static bool is_certificate(const char *line)
{
    return strncmp(line, "-----BEGIN CERTIFICATE-----", 27) == 0;
}

static bool is_private_key(const char *line)
{
    return strncmp(line, "-----BEGIN ", 11) == 0 && strstr(line, "PRIVATE KEY-----");
}

static bool is_word(const char *line)
{
    return *line != '\n' && *line != '\r';
}

static const struct row {
    const char *key; /* in the configuration */
    size_t offset;   /* of the path in struct config_target */
    is_sign *sign;
    unsigned lines; /* among which it must be; 0 = all */
    const char *missing;
} rows[] = {
#define PEM "; PEM is read"
    { "caFile", offsetof(struct config_target, etcd.ca_file), is_certificate, 0,
      "no certificate is in it" PEM },
    { "certFile", offsetof(struct config_target, etcd.cert_file), is_certificate, 0,
      "no certificate is in it" PEM },
    { "keyFile", offsetof(struct config_target, etcd.key_file), is_private_key, 0,
      "no private key is in it" PEM },
    { "userFile", offsetof(struct config_target, etcd.user_file), is_word, 1,
      "its first line is empty" },
    { "passwordFile", offsetof(struct config_target, etcd.password_file), is_word, 1,
      "its first line is empty" },
    { "caFile", offsetof(struct config_target, azure.ca_file), is_certificate, 0,
      "no certificate is in it" PEM },
#undef PEM
};

/* NULL, or what is wrong with the file. */
static const char *fault_of(const struct row *row, const char *file)
{
    char line[LINE_BYTES];
    bool has_sign = false;
    FILE *f = file_open(file);
    if (!f)
        return strerror(errno);
    for (unsigned n = 0;
         !has_sign && (!row->lines || n < row->lines) && fgets(line, sizeof line, f); n++)
        has_sign = row->sign(line);
    bool is_read = !ferror(f);
    fclose(f);
    explicit_bzero(line, sizeof line);
    return has_sign ? NULL : is_read ? row->missing : "it cannot be read";
}

static bool tell(const struct config_target *t, const char *path, const char *key,
                 const char *fault, FILE *errors)
{
    fprintf(errors, "%s: error: programming: %s of %s: %s\n", path, key, t->name, fault);
    return false;
}

/* What asking for a token would say of the file. */
static bool is_principal_good(const struct config_target *t, const char *path, FILE *errors)
{
    const struct azure_identity identity = { .audience = "",
                                             .principal_file = t->azure.principal_file };
    struct azure_request request;
    char fault[AZURE_IDENTITY_ERROR];
    bool is_good = azure_identity_request(&identity, &request, fault);
    azure_request_fini(&request);
    return is_good || tell(t, path, "servicePrincipalFile", fault, errors);
}

bool target_files_are_good(const struct config_target *t, const char *path, FILE *errors)
{
    bool are_good = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *file = *(char *const *)((const char *)t + rows[i].offset);
        const char *fault = file ? fault_of(&rows[i], file) : NULL;
        char words[LINE_BYTES];
        if (!fault)
            continue;
        snprintf(words, sizeof words, "%s: %s", file, fault);
        are_good = tell(t, path, rows[i].key, words, errors);
    }
    return (!t->azure.principal_file || is_principal_good(t, path, errors)) && are_good;
}
