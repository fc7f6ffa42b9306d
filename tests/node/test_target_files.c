#include "node/targets/target_files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/cu.h"

/* Made anew by every case, gone at its end. */
static char path[64];

static void has_file(const char *text, mode_t mode)
{
    snprintf(path, sizeof path, "/tmp/tandem-target-file-%d", (int)getpid());
    unlink(path);
    FILE *f = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_TRUE(fputs(text, f) >= 0);
    fclose(f);
    chmod(path, mode);
}

/* What is said of the target; "" when nothing is wrong. Free it. */
static char *words_of(const struct config_target *t)
{
    char *words = NULL;
    size_t len;
    FILE *out = open_memstream(&words, &len);
    bool is_good = target_files_are_good(t, "tandem.yaml", out);
    fclose(out);
    CU_ASSERT_EQUAL(is_good, len == 0);
    return words;
}

static void says(const struct config_target *t, const char *what)
{
    char *words = words_of(t);
    CU_ASSERT_PTR_NOT_NULL(strstr(words, what));
    if (!*what)
        CU_ASSERT_STRING_EQUAL(words, "");
    free(words);
}

static void test_a_target_without_files_is_good(void)
{
    says(&(struct config_target){ .name = "kernel" }, "");
}

static void test_a_file_that_is_missing_is_named_with_its_key(void)
{
    struct config_target t = { .name = "store", .etcd.ca_file = "/nowhere/ca.pem" };
    says(&t, "tandem.yaml: error: programming: caFile of store: /nowhere/ca.pem: No such file or "
             "directory");
}

static void test_a_certificate_is_looked_for_behind_comments(void)
{
    struct config_target t = { .name = "store", .etcd.ca_file = path, .azure.ca_file = path };
    has_file("issuer=hub\n-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n", 0644);
    says(&t, "");
    has_file("-----BEGIN PRIVATE KEY-----\n", 0600);
    says(&t, "no certificate is in it");
    unlink(path);
}

static void test_a_key_is_a_private_one_of_any_kind(void)
{
    struct config_target t = { .name = "store", .etcd.key_file = path };
    has_file("-----BEGIN EC PRIVATE KEY-----\n", 0600);
    says(&t, "");
    has_file("-----BEGIN PUBLIC KEY-----\n", 0600);
    says(&t, "no private key is in it");
    unlink(path);
}

static void test_a_login_stands_in_the_first_line(void)
{
    struct config_target t = { .name = "store", .etcd.user_file = path };
    has_file("tandem\n", 0600);
    says(&t, "");
    has_file("\ntandem\n", 0600);
    says(&t, "userFile of store");
    unlink(path);
}

static void test_a_directory_is_no_file(void)
{
    struct config_target t = { .name = "store", .etcd.password_file = "/tmp" };
    says(&t, "passwordFile of store: /tmp: Is a directory");
}

static void test_a_service_principal_is_judged_as_when_a_token_is_asked_for(void)
{
    struct config_target t = { .name = "azure", .azure.principal_file = path };
    has_file("{ \"clientId\": \"a\", \"clientSecret\": \"b\", \"tenantId\": \"c\" }", 0600);
    says(&t, "");
    has_file("{ \"clientId\": \"a\", \"tenantId\": \"c\" }", 0600);
    says(&t, "clientId, clientSecret and tenantId are needed");
    has_file("{ \"clientId\": \"a\", \"clientSecret\": \"b\", \"tenantId\": \"c\" }", 0644);
    says(&t, "chmod 600");
    unlink(path);
}

CU_MAIN("target_files", CU_CASE(test_a_target_without_files_is_good),
        CU_CASE(test_a_file_that_is_missing_is_named_with_its_key),
        CU_CASE(test_a_certificate_is_looked_for_behind_comments),
        CU_CASE(test_a_key_is_a_private_one_of_any_kind),
        CU_CASE(test_a_login_stands_in_the_first_line), CU_CASE(test_a_directory_is_no_file),
        CU_CASE(test_a_service_principal_is_judged_as_when_a_token_is_asked_for))
