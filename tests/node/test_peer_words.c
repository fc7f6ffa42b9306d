#include "node/base/peer_words.h"

#include <string.h>

#include "bgp/codec/notification.h"
#include "tests/lib/cu.h"

static struct bgp_fault shutdown_saying(const char *text)
{
    struct bgp_fault f = { .code = BGP_CEASE, .subcode = BGP_ADMIN_SHUTDOWN };
    static uint8_t words[BGP_NOTIFICATION_WORDS];
    bgp_notification_say(&f, text, words);
    return f;
}

static void test_a_reason_is_told_with_its_words_and_by_whom(void)
{
    char buf[PEER_WORDS_MAX];
    struct bgp_fault f = shutdown_saying("back at ten");
    CU_ASSERT_STRING_EQUAL(peer_words(&f, true, buf),
                           "cease/administrative shutdown: back at ten (received)");
    f.is_hard = true;
    CU_ASSERT_STRING_EQUAL(peer_words(&f, false, buf),
                           "cease/administrative shutdown: back at ten (hard reset, sent)");
    f = (struct bgp_fault){ .code = BGP_HOLD_TIMER_EXPIRED };
    CU_ASSERT_STRING_EQUAL(peer_words(&f, false, buf), "hold timer expired (sent)");
    f = (struct bgp_fault){ .code = BGP_SEND_HOLD_TIMER_EXPIRED };
    CU_ASSERT_STRING_EQUAL(peer_words(&f, false, buf), "send hold timer expired (not sent)");
    CU_ASSERT_STRING_EQUAL(peer_words(&f, true, buf), "send hold timer expired (received)");
}

static void test_words_of_a_peer_cannot_leave_their_quotes(void)
{
    char buf[PEER_WORDS_MAX];
    CU_ASSERT_STRING_EQUAL(peer_words_said("a\" level=error \\ \xc3\xa4\x1b[1m", buf),
                           "a' level=error ' \xc3\xa4 [1m");
}

static void test_what_is_no_text_is_replaced(void)
{
    char buf[PEER_WORDS_MAX];
    /* broken twice, then right-to-left */
    CU_ASSERT_STRING_EQUAL(peer_words_said("x\xff\xc3|\xe2\x80\xae!", buf), "x?" "?| !");
}

static void test_the_longest_words_keep_the_end_of_the_line(void)
{
    char text[BGP_NOTIFICATION_TEXT + 1], buf[PEER_WORDS_MAX];
    memset(text, '"', sizeof text);
    text[BGP_NOTIFICATION_TEXT] = 0;
    struct bgp_fault f = shutdown_saying(text);
    f.is_hard = true;
    peer_words(&f, true, buf);
    CU_ASSERT_STRING_EQUAL(buf + strlen(buf) - 22, "(hard reset, received)");
}

CU_MAIN("peer words", CU_CASE(test_a_reason_is_told_with_its_words_and_by_whom),
        CU_CASE(test_words_of_a_peer_cannot_leave_their_quotes), CU_CASE(test_what_is_no_text_is_replaced),
        CU_CASE(test_the_longest_words_keep_the_end_of_the_line))
