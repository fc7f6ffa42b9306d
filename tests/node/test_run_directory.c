#include "node/io/run_directory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/cu.h"

static char said[512];

static FILE *listen_to(void)
{
    FILE *out = fmemopen(said, sizeof said, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    said[0] = 0;
    return out;
}

static bool makes(const char *path)
{
    FILE *out = listen_to();
    bool ok = run_directory_make(path, out);
    fclose(out);
    return ok;
}

static bool locks(const char *path, const char *file)
{
    FILE *out = listen_to();
    bool ok = run_directory_lock(path, file, "node rs-a", out);
    fclose(out);
    return ok;
}

static void test_one_process_of_a_name_has_the_lock(void)
{
    char directory[] = "/tmp/tandem-run-XXXXXX", file[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    CU_ASSERT_TRUE(makes(directory));
    CU_ASSERT_TRUE(locks(directory, "rs-a.lock"));
    CU_ASSERT_FALSE(locks(directory, "rs-a.lock"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "rs-a.lock: node rs-a runs already on this machine"));
    CU_ASSERT_TRUE(locks(directory, "rs-b.lock"));
    for (int c = 'a'; c <= 'b'; c++) {
        snprintf(file, sizeof file, "%s/rs-%c.lock", directory, c);
        CU_ASSERT_EQUAL(unlink(file), 0);
    }
    CU_ASSERT_EQUAL(rmdir(directory), 0);
}

static void test_a_directory_whose_parent_is_missing_is_named(void)
{
    CU_ASSERT_FALSE(makes("/nowhere/run"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(said, "runDirectory /nowhere/run: No such file or directory; create it"));
    CU_ASSERT_FALSE(locks("/nowhere/run", "rs-a.lock"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "/nowhere/run/rs-a.lock: No such file"));
}

CU_MAIN("run_directory", CU_CASE(test_one_process_of_a_name_has_the_lock),
        CU_CASE(test_a_directory_whose_parent_is_missing_is_named))
