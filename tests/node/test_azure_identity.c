/* Requests for tokens as the two kinds of endpoint want them, and what is accepted as a token. */
#include "node/targets/azure_identity.h"
#include "tests/lib/cu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char audience[] = "https://management.azure.com/";
static char error[AZURE_IDENTITY_ERROR];

static void test_the_machines_identity_is_asked_with_the_final_slash(void)
{
    struct azure_identity id = { .endpoint = "http://169.254.169.254", .audience = audience };
    struct azure_request r;
    CU_ASSERT_TRUE_FATAL(azure_identity_request(&id, &r, error));
    CU_ASSERT_STRING_EQUAL(r.url, "http://169.254.169.254/metadata/identity/oauth2/token?api-version="
                                  "2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F");
    CU_ASSERT_STRING_EQUAL(r.method, "GET");
    CU_ASSERT_STRING_EQUAL(r.headers[0], "Metadata: true");
    azure_request_fini(&r);
    id.client_id = "a b";
    CU_ASSERT_TRUE_FATAL(azure_identity_request(&id, &r, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(r.url, "&client_id=a%20b"));
    azure_request_fini(&r);
}

/* A file with this text; the path is good until the next call. */
static const char *file_with(const char *text, mode_t mode)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/test_azure_identity.%ld", (long)getpid());
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
    CU_ASSERT_EQUAL(chmod(path, mode), 0);
    return path;
}

static void test_a_service_principals_file_is_read_in_both_of_its_forms(void)
{
    static const struct {
        const char *file, *url;
    } rows[] = {
        { "{\"clientId\":\"c\",\"clientSecret\":\"s&~\",\"tenantId\":\"t\","
          "\"activeDirectoryEndpointUrl\":\"https://login.example/\"}",
          "https://login.example/t/oauth2/v2.0/token" },
        { "{\"appId\":\"c\",\"password\":\"s&~\",\"tenant\":\"t\"}",
          "https://login.microsoftonline.com/t/oauth2/v2.0/token" },
    };
    for (size_t i = 0; i < 2; i++) {
        struct azure_request r;
        struct azure_identity id = { .audience = audience,
                                     .principal_file = file_with(rows[i].file, 0600) };
        CU_ASSERT_TRUE_FATAL(azure_identity_request(&id, &r, error));
        CU_ASSERT_STRING_EQUAL(r.method, "POST");
        CU_ASSERT_STRING_EQUAL(r.url, rows[i].url);
        CU_ASSERT_STRING_EQUAL(r.body,
                               "grant_type=client_credentials&client_id=c&client_secret=s%26~&scope="
                               "https%3A%2F%2Fmanagement.azure.com%2F.default");
        azure_request_fini(&r);
        unlink(id.principal_file);
    }
}

static void test_a_bad_principals_file_is_named_with_what_is_wrong(void)
{
    static const struct {
        const char *file, *word;
        mode_t mode;
    } rows[] = { { "{", "expected", 0600 },
                 { "{\"clientId\":\"c\"}", "are needed", 0600 },
                 { "{\"appId\":\"c\",\"password\":\"s\",\"tenant\":\"t\"}", "chmod 600", 0644 } };
    struct azure_request r;
    struct azure_identity id = { .audience = audience, .principal_file = "/nonexistent/sp.json" };
    CU_ASSERT_FALSE(azure_identity_request(&id, &r, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "/nonexistent/sp.json"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        id.principal_file = file_with(rows[i].file, rows[i].mode);
        CU_ASSERT_FALSE(azure_identity_request(&id, &r, error));
        CU_ASSERT_PTR_NOT_NULL(strstr(error, rows[i].word));
        unlink(id.principal_file);
    }
}

static void test_lifetimes_come_as_texts_and_as_numbers(void)
{
    static const char *const bodies[] = { "{\"access_token\":\"abc.d\",\"expires_in\":\"3599\"}",
                                          "{\"access_token\":\"abc.d\",\"expires_in\":3599}" };
    for (size_t i = 0; i < 2; i++) {
        char *token;
        uint32_t lifetime;
        CU_ASSERT_TRUE_FATAL(
            azure_identity_answer(bodies[i], strlen(bodies[i]), &token, &lifetime, error));
        CU_ASSERT_STRING_EQUAL(token, "abc.d");
        CU_ASSERT_EQUAL(lifetime, 3599);
        free(token);
    }
}

static void test_answers_without_a_usable_token_are_refused(void)
{
    static const char *const bodies[] = {
        "", "[]", "{}", "{\"access_token\":\"a\"}", "{\"access_token\":7,\"expires_in\":9}",
        "{\"access_token\":\"a\",\"expires_in\":\"soon\"}", "{\"access_token\":\"a\",\"expires_in\":-1}",
        "{\"access_token\":\"\",\"expires_in\":9}", "{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":9}",
        "<html>"
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char *token;
        uint32_t lifetime;
        CU_ASSERT_FALSE(azure_identity_answer(bodies[i], strlen(bodies[i]), &token, &lifetime, error));
        CU_ASSERT_PTR_NULL(token);
    }
}

CU_MAIN("azure_identity", CU_CASE(test_the_machines_identity_is_asked_with_the_final_slash),
        CU_CASE(test_a_service_principals_file_is_read_in_both_of_its_forms),
        CU_CASE(test_a_bad_principals_file_is_named_with_what_is_wrong),
        CU_CASE(test_lifetimes_come_as_texts_and_as_numbers),
        CU_CASE(test_answers_without_a_usable_token_are_refused))
