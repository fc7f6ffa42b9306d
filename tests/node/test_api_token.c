/* api.tokenFile: what is a token, and who has it. */
#include <sys/stat.h>
#include <unistd.h>

#include "node/keys/api_token.h"
#include "tests/lib/cu.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static char said[512];

/* A file with this text, read; what was complained of is in said. */
static bool read_token(const char *text, mode_t mode, struct api_token *out)
{
    char path[] = "/tmp/tandem-token-XXXXXX";
    int fd = mkstemp(path);
    assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    assert(!fchmod(fd, mode) && !close(fd));
    memset(said, 0, sizeof said);
    FILE *errors = fmemopen(said, sizeof said - 1, "w");
    bool ok = api_token_read(path, out, errors);
    fclose(errors);
    unlink(path);
    return ok;
}

static void test_who_has_the_token_is_let_in_and_nobody_else(void)
{
    struct api_token t;
    CU_ASSERT_TRUE_FATAL(read_token("s3cret-token_of.22+/==\n", 0600, &t));
    CU_ASSERT_STRING_EQUAL(said, "");
    CU_ASSERT_TRUE(api_token_fits(&t, "Bearer s3cret-token_of.22+/=="));
    CU_ASSERT_TRUE(api_token_fits(&t, "bearer  s3cret-token_of.22+/=="));
    CU_ASSERT_FALSE(api_token_fits(&t, "Bearer s3cret-token_of.22+/="));
    CU_ASSERT_FALSE(api_token_fits(&t, "Bearer s3cret-token_of.22+/==="));
    CU_ASSERT_FALSE(api_token_fits(&t, "Bearer "));
    CU_ASSERT_FALSE(api_token_fits(&t, "Bearer"));
    CU_ASSERT_FALSE(api_token_fits(&t, "Basic s3cret-token_of.22+/=="));
    CU_ASSERT_FALSE(api_token_fits(&t, NULL));
}

static void test_without_a_file_no_token_fits(void)
{
    struct api_token t;
    CU_ASSERT_TRUE(api_token_read(NULL, &t, stderr));
    CU_ASSERT_FALSE(t.is_set);
    CU_ASSERT_FALSE(api_token_fits(&t, "Bearer "));
    CU_ASSERT_FALSE(api_token_fits(&t, "Bearer x"));
}

static void test_a_file_that_others_may_read_is_warned_of(void)
{
    struct api_token t;
    CU_ASSERT_TRUE(read_token("token", 0644, &t) && t.is_set);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "warning: others may read this token"));
    CU_ASSERT_PTR_NULL(strstr(said, "token\n"));
}

static void test_what_is_no_token_is_refused_with_its_mend(void)
{
    char longest[API_TOKEN_MAX + 2];
    struct api_token t;
    static const char *const wrong[] = { "", "\n", "two words", "two\nlines", "\x01", "t\xc3\xa9" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CU_ASSERT_FALSE(read_token(wrong[i], 0600, &t));
        CU_ASSERT_FALSE(t.is_set);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, "/dev/urandom"));
    }
    memset(longest, 'x', sizeof longest);
    longest[API_TOKEN_MAX + 1] = 0;
    CU_ASSERT_FALSE(read_token(longest, 0600, &t));
    longest[API_TOKEN_MAX] = 0;
    CU_ASSERT_TRUE(read_token(longest, 0600, &t));
    memset(said, 0, sizeof said);
    FILE *errors = fmemopen(said, sizeof said - 1, "w");
    CU_ASSERT_FALSE(api_token_read("/nowhere/token", &t, errors));
    fclose(errors);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "/nowhere/token: error: No such file"));
}

CU_MAIN("api token", CU_CASE(test_who_has_the_token_is_let_in_and_nobody_else),
        CU_CASE(test_without_a_file_no_token_fits), CU_CASE(test_a_file_that_others_may_read_is_warned_of),
        CU_CASE(test_what_is_no_token_is_refused_with_its_mend))
