/* Test programs: a table of named sentences, run by CUnit, exit status from the failure count.
 *
 *     static void test_a_keepalive_with_a_body_is_refused(void) { ... CU_ASSERT_EQUAL(...); }
 *     CU_MAIN("msg", CU_CASE(test_a_keepalive_with_a_body_is_refused))                            */
#ifndef TANDEM_TESTS_LIB_CU_H
#define TANDEM_TESTS_LIB_CU_H

#include <CUnit/Basic.h>
#include <stddef.h>

struct cu_case {
    const char *name;
    void (*run)(void);
};

#define CU_CASE(function) { #function, function }

/* CUnit's own result is 0 even when tests failed: the count decides. */
static inline int cu_run(const char *suite_name, const struct cu_case *cases, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
    for (size_t i = 0; suite && i < count; i++)
        if (!CU_add_test(suite, cases[i].name, cases[i].run))
            suite = NULL;
    if (suite)
        CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return suite && failed == 0 ? 0 : 1;
}

#define CU_MAIN(suite_name, ...)                                                                   \
    int main(void)                                                                                 \
    {                                                                                              \
        static const struct cu_case cases[] = { __VA_ARGS__ };                                     \
        return cu_run(suite_name, cases, sizeof cases / sizeof *cases);                            \
    }

#endif
