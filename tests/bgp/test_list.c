#include "bgp/base/list.h"

#include "tests/lib/cu.h"

struct thing {
    int value;
    struct list by_any, by_odd;
};

static void fill(struct list *any, struct list *odd, struct thing things[static 5])
{
    list_init(any);
    list_init(odd);
    for (int i = 0; i < 5; i++) {
        things[i].value = i;
        list_init(&things[i].by_odd);
        list_append(any, &things[i].by_any);
        if (i % 2)
            list_append(odd, &things[i].by_odd);
    }
}

static int digits(const struct list *head)
{
    int number = 0;
    LIST_EACH(node, head)
        number = number * 10 + 1 + LIST_OF(node, struct thing, by_any)->value;
    return number;
}

static void test_a_list_keeps_the_order_of_appending(void)
{
    struct list any, odd;
    struct thing things[5];
    fill(&any, &odd, things);
    CU_ASSERT_EQUAL(digits(&any), 12345);
    CU_ASSERT_PTR_EQUAL(LIST_OF(odd.next, struct thing, by_odd), &things[1]);
}

static void test_removing_twice_is_the_same_as_once(void)
{
    struct list any, odd;
    struct thing things[5];
    fill(&any, &odd, things);
    list_remove(&things[0].by_any);
    list_remove(&things[0].by_any);
    list_remove(&things[4].by_any);
    CU_ASSERT_EQUAL(digits(&any), 234);
    CU_ASSERT_FALSE(list_is_on(&things[0].by_any));
    CU_ASSERT_TRUE(list_is_on(&things[1].by_any));
    CU_ASSERT_TRUE(list_is_on(&things[1].by_odd)); /* the other list is another matter */
}

static void test_a_walk_may_remove_what_it_stands_on(void)
{
    struct list any, odd;
    struct thing things[5];
    fill(&any, &odd, things);
    LIST_EACH(node, &any)
        if (LIST_OF(node, struct thing, by_any)->value != 2)
            list_remove(node);
    CU_ASSERT_EQUAL(digits(&any), 3);
    list_remove(&things[2].by_any);
    CU_ASSERT_TRUE(list_is_empty(&any));
    CU_ASSERT_FALSE(list_is_empty(&odd));
}

CU_MAIN("list", CU_CASE(test_a_list_keeps_the_order_of_appending),
        CU_CASE(test_removing_twice_is_the_same_as_once),
        CU_CASE(test_a_walk_may_remove_what_it_stands_on))
