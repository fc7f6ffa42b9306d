/* Every cell of the table, against RFC 4271 section 8.2.2 written down once more, in words. */
#include "bgp/session/fsm.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/cu.h"

static const char *const event_names[FSM_EVENTS] = {
    "start",     "stop",  "connected", "closed",       "hold",      "send hold", "keepalive due", "open",
    "fault",     "collision", "notification", "keepalive", "update", "refresh", "restarted",
};

/* What a connection does, as text: "-" is a cell that does not exist. Order as in event_names. */
static const char *const expected[BGP_STATES][FSM_EVENTS] = {
    [BGP_IDLE] = {
        "Connect: dial",                  /* events 1, 3 */
        "Idle: ignore",                   /* "The ManualStop event (Event 2) … ignored in the Idle state" */
        "-",
        "Idle: ignore",                   /* the transport tells of an end that we asked for */
        "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-" },
    [BGP_CONNECT] = {
        "-",
        "Idle: drop",                     /* event 2 */
        "OpenSent: open",                 /* events 16, 17 */
        "Idle: drop",                     /* event 18, without DelayOpen */
        "-", "-", "-", "-", "-",
        "Idle: drop",                     /* nothing was said on it: nothing to tell */
        "-", "-", "-", "-", "-" },
    [BGP_ACTIVE] = {
        "-", "-",
        "OpenSent: open",                 /* events 16, 17 */
        "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-" },
    [BGP_OPENSENT] = {
        "-",
        "Idle: notify drop",              /* event 2: NOTIFICATION with a Cease */
        "-",
        "Idle: drop",                     /* event 18: no damping */
        "Idle: notify drop backoff",      /* event 10 */
        "-", "-",
        "OpenConfirm: keepalive hold",    /* event 19 */
        "Idle: notify drop backoff",      /* events 21, 22 */
        "Idle: notify drop",              /* event 23: NOTIFICATION with a Cease */
        "Idle: drop backoff",             /* events 24, 25 */
        "Idle: state drop backoff",       /* "any other event": FSM Error; RFC 6608 */
        "Idle: state drop backoff",
        "Idle: state drop backoff",
        "-" },
    [BGP_OPENCONFIRM] = {
        "-",
        "Idle: notify drop",              /* event 2 */
        "-",
        "Idle: drop backoff",             /* event 18 */
        "Idle: notify drop backoff",      /* event 10 */
        "-",
        "OpenConfirm: keepalive",         /* event 11 */
        "Idle: state drop backoff",       /* a second OPEN on one connection */
        "Idle: notify drop backoff",      /* events 21, 22 */
        "Idle: notify drop",              /* event 23 */
        "Idle: drop backoff",             /* events 24, 25 */
        "Established: hold up",           /* event 26 */
        "Idle: state drop backoff",       /* events 27, 28 */
        "Idle: state drop backoff",
        "-" },
    [BGP_ESTABLISHED] = {
        "-",
        "Idle: notify drop",              /* event 2 */
        "-",
        "Idle: drop backoff",             /* event 18 */
        "Idle: notify drop backoff",      /* event 10 */
        "Idle: drop backoff",             /* RFC 9687 section 4.3 */
        "Established: keepalive",         /* event 11 */
        "Idle: state drop backoff",       /* event 19 */
        "Idle: notify drop backoff",      /* events 21, 22, 28 */
        "-",                              /* the newcomer goes (6.8) */
        "Idle: drop backoff",             /* events 24, 25 */
        "Established: hold",              /* event 26 */
        "Established: hold",              /* event 27 */
        "Established: hold",              /* RFC 2918 */
        "Idle: drop" },                   /* RFC 4724 section 5: no NOTIFICATION */
};

static const struct {
    uint16_t action;
    const char *word;
} words[] = {
    { DO_IGNORE, " ignore" },       { DO_DIAL, " dial" },     { DO_OPEN, " open" },
    { DO_KEEPALIVE, " keepalive" }, { DO_HOLD, " hold" },     { DO_UP, " up" },
    { DO_NOTIFY, " notify" },       { DO_NOTIFY_STATE, " state" },
    { DO_DROP, " drop" },           { DO_BACKOFF, " backoff" },
};

static const char *describe(const struct fsm_row *row, char *buf, size_t cap)
{
    if (!row->actions)
        return "-";
    snprintf(buf, cap, "%s:", bgp_state_name((enum bgp_state)row->next));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (row->actions & words[i].action)
            strncat(buf, words[i].word, cap - strlen(buf) - 1);
    return buf;
}

static void test_every_cell_does_what_the_standard_says(void)
{
    char buf[128];
    for (int state = 0; state < BGP_STATES; state++)
        for (int event = 0; event < FSM_EVENTS; event++) {
            const struct fsm_row *row = fsm_row((enum bgp_state)state, (enum fsm_event)event);
            const char *is = describe(row, buf, sizeof buf);
            if (strcmp(is, expected[state][event]) != 0)
                printf("\n%s, %s: \"%s\", not \"%s\"", bgp_state_name((enum bgp_state)state),
                       event_names[event], is, expected[state][event]);
            CU_ASSERT_STRING_EQUAL(is, expected[state][event]);
        }
}

static void test_a_connection_that_is_dropped_is_no_connection(void)
{
    for (int state = 0; state < BGP_STATES; state++)
        for (int event = 0; event < FSM_EVENTS; event++) {
            const struct fsm_row *row = fsm_row((enum bgp_state)state, (enum fsm_event)event);
            CU_ASSERT_TRUE(!(row->actions & DO_DROP) || row->next == BGP_IDLE);
            CU_ASSERT_TRUE(!(row->actions & (DO_NOTIFY | DO_NOTIFY_STATE | DO_BACKOFF)) ||
                           row->actions & DO_DROP);
        }
}

static void test_every_state_can_be_stopped_and_closed(void)
{
    for (int state = 0; state < BGP_STATES; state++) {
        if (state == BGP_ACTIVE) /* left in the same call that enters it */
            continue;
        CU_ASSERT_TRUE(fsm_row((enum bgp_state)state, FSM_STOP)->actions != 0);
        CU_ASSERT_TRUE(fsm_row((enum bgp_state)state, FSM_CLOSED)->actions != 0);
    }
}

CU_MAIN("fsm", CU_CASE(test_every_cell_does_what_the_standard_says),
        CU_CASE(test_a_connection_that_is_dropped_is_no_connection),
        CU_CASE(test_every_state_can_be_stopped_and_closed))
