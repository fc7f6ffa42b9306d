#include "node/targets/redirects.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/cu.h"

static char root[] = "/tmp/tandem-redirects-XXXXXX";

static void set(const char *family, const char *interface, const char *key, bool value)
{
    char command[512];
    snprintf(command, sizeof command, "mkdir -p %s/%s/conf/%s && echo %d > %s/%s/conf/%s/%s", root, family, interface,
             value, root, family, interface, key);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

/* Does eth0 accept redirects with these words? */
static bool accepts(bool all, bool own, bool forwards, bool own6, bool forwards6)
{
    char names[64];
    set("ipv4", "all", "accept_redirects", all);
    set("ipv4", "lo", "accept_redirects", true);
    set("ipv4", "eth0", "accept_redirects", own);
    set("ipv4", "eth0", "forwarding", forwards);
    set("ipv6", "eth0", "accept_redirects", own6);
    set("ipv6", "eth0", "forwarding", forwards6);
    size_t count = redirects_accepted(root, names, sizeof names);
    CU_ASSERT_STRING_EQUAL(names, count ? "eth0" : "");
    return count == 1;
}

static void test_a_host_accepts_by_either_word_a_router_by_both(void)
{
    CU_ASSERT_TRUE(accepts(true, false, false, false, false));
    CU_ASSERT_TRUE(accepts(false, true, false, false, false));
    CU_ASSERT_FALSE(accepts(false, false, false, false, false));
    CU_ASSERT_FALSE(accepts(true, false, true, false, false));
    CU_ASSERT_TRUE(accepts(true, true, true, false, false));
}

static void test_ip6_routers_accept_none(void)
{
    CU_ASSERT_TRUE(accepts(false, false, false, true, false));
    CU_ASSERT_FALSE(accepts(false, false, false, true, true));
}

static void test_names_are_cut_and_all_are_counted(void)
{
    char names[8];
    CU_ASSERT_TRUE(accepts(true, true, false, false, false));
    set("ipv4", "eth1", "accept_redirects", true);
    CU_ASSERT_EQUAL(redirects_accepted(root, names, sizeof names), 2);
    CU_ASSERT_EQUAL(strlen(names), sizeof names - 1);
    CU_ASSERT_EQUAL(redirects_accepted("/nowhere", names, sizeof names), 0);
}

int main(void)
{
    static const struct cu_case cases[] = { CU_CASE(test_a_host_accepts_by_either_word_a_router_by_both),
                                            CU_CASE(test_ip6_routers_accept_none),
                                            CU_CASE(test_names_are_cut_and_all_are_counted) };
    char command[64];
    if (!mkdtemp(root))
        return 1;
    int failed = cu_run("redirects", cases, sizeof cases / sizeof *cases);
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command) != 0 || failed;
}
