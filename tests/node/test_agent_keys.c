/* A directory of public keys: who is let in, and what is said about files that are not taken. */
#include "node/keys/agent_keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/cu.h"
#include "tests/lib/fake_core.h"

#define KEY_A "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
#define KEY_B "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n"

static char directory[] = "/tmp/tandem-keys-XXXXXX";
static struct config_agent listed = { .name = "listed", .public_key = { 9 } };

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static void clear(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s/* %s/.[a-z]*", directory, directory);
    CU_ASSERT_EQUAL(system(command), 0);
}

static bool read_into(struct agent_keys *k, const char *path, char *said, size_t cap)
{
    static char file[] = "tandem.yaml";
    struct config c = { .path = file, .agents = &listed, .agent_count = 1,
                        .agent_directory = (char *)(uintptr_t)path };
    FILE *errors = fmemopen(said, cap, "w");
    bool ok = agent_keys_read(&c, k, errors);
    fclose(errors);
    return ok;
}

static void test_every_key_file_is_a_host_beside_those_that_are_listed(void)
{
    struct agent_keys k;
    char said[1000] = "";
    put("vm-b.pub", KEY_B);
    put("vm-a.pub", KEY_A);
    put("notes.txt", "not looked at");
    put(".vm-c.pub", "half written");
    CU_ASSERT_TRUE(read_into(&k, directory, said, sizeof said));
    CU_ASSERT_STRING_EQUAL(said, "");
    CU_ASSERT_EQUAL_FATAL(k.count, 3);
    CU_ASSERT_STRING_EQUAL(k.list[0].name, "listed");
    CU_ASSERT_STRING_EQUAL(k.list[1].name, "vm-a");
    CU_ASSERT_STRING_EQUAL(k.list[2].name, "vm-b");
    CU_ASSERT_EQUAL(k.list[2].public_key[31], 2);
    agent_keys_free(&k);
    clear();
}

static void test_the_next_key_of_a_host_stands_on_a_second_line(void)
{
    struct agent_keys k;
    char said[1000] = "";
    put("vm-a.pub", KEY_A KEY_B);
    put("vm-b.pub", KEY_B);
    put("vm-c.pub", KEY_A "half of a key\n");
    CU_ASSERT_TRUE(read_into(&k, directory, said, sizeof said));
    CU_ASSERT_EQUAL_FATAL(k.count, 2);
    CU_ASSERT_EQUAL(k.list[1].public_key[31], 1);
    CU_ASSERT_TRUE(k.list[1].has_next_public_key);
    CU_ASSERT_EQUAL(k.list[1].next_public_key[31], 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "/vm-b.pub: error: another host has this key already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "/vm-c.pub: error: this is not a public key"));
    agent_keys_free(&k);
    clear();
}

static void test_a_bad_file_is_named_and_the_others_are_taken(void)
{
    struct agent_keys k;
    char said[2000] = "";
    put("a.pub", KEY_A);
    put("b.pub", "tandem-node-key 1 AgIC\n");
    put("c.pub", KEY_A);
    put("listed.pub", KEY_B);
    CU_ASSERT_TRUE(read_into(&k, directory, said, sizeof said));
    CU_ASSERT_EQUAL(k.count, 2);
    CU_ASSERT_EQUAL(k.faults, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "/b.pub: error: this is not a public key"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "/c.pub: error: another host has this key already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "/listed.pub: error: a host of this name is listed already"));
    agent_keys_free(&k);
    clear();
}

/* They are read while the node works: all pairs of them would take too long. */
static void test_thousands_of_hosts_are_read(void)
{
    enum { HOSTS = 3000 };
    struct agent_keys k;
    char said[1000] = "", name[32], text[64];
    for (int i = 0; i < HOSTS; i++) {
        snprintf(name, sizeof name, "vm-%04d.pub", i);
        snprintf(text, sizeof text, "%04d%s", i, &KEY_A[4]);
        put(name, text);
    }
    put("vm-9999.pub", text);
    CU_ASSERT_TRUE(read_into(&k, directory, said, sizeof said));
    CU_ASSERT_EQUAL_FATAL(k.count, 1 + HOSTS);
    CU_ASSERT_STRING_EQUAL(k.list[HOSTS].name, "vm-2999");
    CU_ASSERT_EQUAL(k.faults, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "/vm-9999.pub: error: another host has this key already"));
    agent_keys_free(&k);
    clear();
}

static void test_a_pipe_in_the_place_of_a_key_is_not_waited_for(void)
{
    struct agent_keys k;
    char said[1000] = "", path[256];
    put("a.pub", KEY_A);
    snprintf(path, sizeof path, "%s/b.pub", directory);
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    alarm(20);
    CU_ASSERT_TRUE(read_into(&k, directory, said, sizeof said));
    alarm(0);
    CU_ASSERT_EQUAL(k.count, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "/b.pub: error: Operation not supported; it is left out"));
    agent_keys_free(&k);
    clear();
}

static void test_a_directory_that_cannot_be_read_is_an_error(void)
{
    struct agent_keys k;
    char said[1000] = "";
    CU_ASSERT_FALSE(read_into(&k, "/nonexistent/keys", said, sizeof said));
    CU_ASSERT_STRING_EQUAL(said, "tandem.yaml: error: agents.keysDirectory: /nonexistent/keys: No such file or directory; "
                                 "make it, or name another\n");
    CU_ASSERT_EQUAL(k.count, 0);
}

static void test_without_a_directory_the_listed_hosts_are_all(void)
{
    struct agent_keys k;
    char said[1000] = "";
    CU_ASSERT_TRUE(read_into(&k, NULL, said, sizeof said));
    CU_ASSERT_EQUAL(k.count, 1);
    agent_keys_free(&k);
}

static const struct cu_case cases[] = {
    CU_CASE(test_every_key_file_is_a_host_beside_those_that_are_listed),
    CU_CASE(test_the_next_key_of_a_host_stands_on_a_second_line),
    CU_CASE(test_a_bad_file_is_named_and_the_others_are_taken),
    CU_CASE(test_thousands_of_hosts_are_read),
    CU_CASE(test_a_pipe_in_the_place_of_a_key_is_not_waited_for),
    CU_CASE(test_a_directory_that_cannot_be_read_is_an_error),
    CU_CASE(test_without_a_directory_the_listed_hosts_are_all),
};

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    int status = cu_run("agent_keys", cases, sizeof cases / sizeof *cases);
    rmdir(directory);
    return status;
}
