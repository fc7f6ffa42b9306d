/* Golden messages: every case of tests/golden is a test of its own. A file has the cases of one RFC:
 *
 *     case a name, unique within the file
 *     session as2 add-path ...     how the session differs from the usual one, see options[]
 *     message ff*16 0013 04        hex, over as many lines as it takes, 'with comments' (tests/lib/hex.h)
 *     verdict +10.2.0.0/16         what is made of it: bgp_lab.h for an UPDATE, below for the others
 *     canonical 40010100...        optional: the attributes of the first announcement; of an OPEN or a
 *                                  NOTIFICATION the message as we would write it, if we were to say the same
 *     next-hop fd00::4             optional: their next hop                                         */
#include <dirent.h>

#include "bgp/codec/notification.h"
#include "bgp/codec/open.h"
#include "tests/lib/bgp_lab.h"

enum { CASES_MAX = 600, LINE_MAX_LEN = 400, TEXT_LEN = 12000 };

struct golden {
    char name[LINE_MAX_LEN], session[LINE_MAX_LEN], verdict[LINE_MAX_LEN], canonical[LINE_MAX_LEN],
        next_hop[LINE_MAX_LEN];
    char message[TEXT_LEN];
};

static struct golden *cases;
static unsigned case_count;
static struct bgp_lab l;

/* ---- reading ---- */

static void append_line(char *to, size_t cap, const char *line)
{
    size_t used = strlen(to);
    snprintf(to + used, cap - used, "%s%s", used ? " " : "", line);
}

static char *field(struct golden *g, const char *word, size_t *cap)
{
    *cap = LINE_MAX_LEN;
    if (!strcmp(word, "message"))
        *cap = TEXT_LEN;
    return !strcmp(word, "session")     ? g->session
           : !strcmp(word, "verdict")   ? g->verdict
           : !strcmp(word, "canonical") ? g->canonical
           : !strcmp(word, "next-hop")  ? g->next_hop
           : !strcmp(word, "message")   ? g->message
                                        : NULL;
}

static void read_file(const char *folder, const char *name)
{
    char path[1000], line[LINE_MAX_LEN], *to = NULL;
    size_t cap = 0;
    struct golden *g = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char word[16] = "";
        int skip = 0;
        if (line[0] == '#' || !line[0])
            continue;
        if (line[0] != ' ')
            sscanf(line, "%15s %n", word, &skip);
        if (!strcmp(word, "case")) {
            g = case_count < CASES_MAX ? &cases[case_count++] : NULL;
            if (g)
                snprintf(g->name, sizeof g->name, "%.100s: %.200s", name, line + skip);
        } else if (g) {
            to = word[0] ? field(g, word, &cap) : to;
            if (to)
                append_line(to, cap, line + skip);
            else
                g->verdict[0] = 0; /* a word that does not exist: the case fails */
        }
    }
    if (f)
        fclose(f);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct golden *)a)->name, ((const struct golden *)b)->name);
}

static void read_folder(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strstr(e->d_name, ".golden"))
            read_file(folder, e->d_name);
    if (d)
        closedir(d);
    qsort(cases, case_count, sizeof *cases, by_name);
}

/* ---- replaying ---- */

static size_t max_message;
static uint8_t written[BGP_MESSAGE_MAX_EXTENDED]; /* an OPEN, a NOTIFICATION, again */
static size_t written_len;

static const struct {
    const char *word;
    bool *at, value;
} options[] = {
    { "as2", &l.codec.as4, false },
    { "no-ip4", &l.codec.family[BGP_IP4], false },
    { "no-ip6", &l.codec.family[BGP_IP6], false },
    { "add-path", &l.codec.add_path_in[BGP_IP4], true },
    { "next-hop6", &l.codec.ext_next_hop, true },
    { "enhanced-refresh", &l.codec.enhanced_refresh, true },
    { "route-server", &l.ctx.any_first_as, true },
};

static void apply_session(const char *text)
{
    char words[LINE_MAX_LEN], *rest = words;
    lab_open(&l);
    max_message = strstr(text, "extended") ? BGP_MESSAGE_MAX_EXTENDED : BGP_MESSAGE_MAX;
    snprintf(words, sizeof words, "%s", text);
    for (char *word; (word = strtok_r(rest, " ", &rest));)
        for (size_t i = 0; i < sizeof options / sizeof *options; i++)
            if (!strcmp(word, options[i].word))
                *options[i].at = options[i].value;
}

static size_t run_at(const uint8_t *at, size_t len)
{
    size_t run = 1;
    while (run < len && at[run] == at[0])
        run++;
    return run;
}

/* As hex; an octet that comes often is written once, between blanks: ff*16. */
static void say_bytes(const uint8_t *at, size_t len)
{
    enum { OFTEN = 16 };
    for (bool is_apart = true; len;) {
        size_t run = run_at(at, len), taken = run < OFTEN ? 1 : run;
        lab_say(&l, is_apart || taken > 1 ? " %02x" : "%02x", at[0]);
        if (taken > 1)
            lab_say(&l, "*%zu", taken);
        is_apart = taken > 1;
        at += taken;
        len -= taken;
    }
}

/* With the data as they are told in a session of this kind. */
static void say_reset(const struct bgp_fault *f)
{
    enum { DATA_AT = BGP_HEADER + 2 };
    static uint8_t message[BGP_MESSAGE_MAX_EXTENDED];
    size_t len = bgp_notification_write(message, max_message, f);
    lab_say_fault(&l, f);
    if (len > DATA_AT)
        lab_say(&l, " data");
    say_bytes(message + DATA_AT, len - DATA_AT);
}

/* Families with their flag, and where they have one, their time. */
static void say_families(uint8_t families, uint8_t forwarding, const uint32_t *stale_s)
{
    for (int f = 0; f < BGP_FAMILIES; f++) {
        if (!(families & 1u << f))
            continue;
        lab_say(&l, " ip%d", f ? 6 : 4);
        if (stale_s)
            lab_say(&l, " %u", stale_s[f]);
        lab_say(&l, "%s", forwarding & 1u << f ? "+F" : "");
    }
}

static void say_restart(const struct bgp_open *o)
{
    if (o->graceful_restart)
        lab_say(&l, " restart %u%s%s", o->restart_s, o->restarting ? " R" : "", o->gr_notification ? " N" : "");
    say_families(o->gr_family, o->gr_forwarding, NULL);
    if (!o->long_lived)
        return;
    lab_say(&l, " long-lived");
    say_families(o->llgr_family, o->llgr_forwarding, o->stale_s);
}

static void say_open(const struct bgp_message *m)
{
    static const struct bgp_open all = { .as4 = true,
                                         .refresh = true,
                                         .enhanced_refresh = true,
                                         .extended_message = true,
                                         .family = { true, true },
                                         .add_path = { 3, 3 },
                                         .ext_next_hop = true };
    struct bgp_open o;
    struct bgp_fault f;
    struct bgp_codec c;
    if (bgp_open_decode(m->body, m->body_len, &o, &f)) {
        say_reset(&f);
        return;
    }
    bgp_open_negotiate(&all, &o, &c);
    lab_say(&l, " open as %u hold %u id %08x%s%s%s%s%s%s%s", o.asn, o.hold_s, o.identifier,
            c.family[0] ? " ip4" : "", c.family[1] ? " ip6" : "", c.as4 ? " as4" : "",
            c.refresh ? " refresh" : "", c.enhanced_refresh ? " enhanced" : "",
            c.max_message > BGP_MESSAGE_MAX ? " extended" : "", c.ext_next_hop ? " next-hop6" : "");
    if (c.add_path_in[0] || c.add_path_out[0])
        lab_say(&l, " add-path%s%s", c.add_path_in[0] ? " in" : "", c.add_path_out[0] ? " out" : "");
    say_restart(&o);
    written_len = bgp_open_write(&o, written, sizeof written);
    if (o.role >= 0)
        lab_say(&l, " role %d", o.role);
}

static void say_notification(const struct bgp_message *m)
{
    char text[BGP_NOTIFICATION_TEXT + 1];
    const struct bgp_fault f = bgp_notification_read(m);
    lab_say(&l, " notification %u/%u%s", f.code, f.subcode, f.is_hard ? " hard" : "");
    if (bgp_notification_text(&f, text)[0])
        lab_say(&l, " \"%s\"", text);
    written_len = bgp_notification_write(written, max_message, &f);
}

static void say_refresh(const struct bgp_message *m)
{
    struct bgp_refresh r;
    struct bgp_fault f;
    int asked = bgp_refresh_decode(m, &l.codec, &r, &f);
    if (asked < 0)
        say_reset(&f);
    else if (asked)
        lab_say(&l, " refresh ip%d %u", r.family ? 6 : 4, r.subtype);
    else
        lab_say(&l, " ignored");
}

static const char *verdict_of(const uint8_t *data, size_t len)
{
    struct bgp_message m;
    struct bgp_fault f = { 0 };
    int n = bgp_message_scan(data, len, max_message, &m, &f);
    l.text[0] = 0;
    written_len = 0;
    if (n < 0) {
        say_reset(&f);
    } else if (n == 0 || (size_t)n != len) {
        lab_say(&l, " not one whole message");
    } else if (m.type == BGP_UPDATE) {
        memcpy(l.body, m.body, l.len = m.body_len);
        lab_decode(&l);
        if (l.update.fault.action == BGP_ACTION_SESSION_RESET) {
            l.text[0] = 0;
            say_reset(&l.update.fault);
        }
    } else if (m.type == BGP_OPEN) {
        say_open(&m);
    } else if (m.type == BGP_ROUTE_REFRESH) {
        say_refresh(&m);
    } else if (m.type == BGP_NOTIFICATION) {
        say_notification(&m);
    } else {
        lab_say(&l, " keepalive");
    }
    return l.text[0] ? l.text + 1 : "nothing";
}

static bool is_written(const char *text)
{
    uint8_t expected[BGP_MESSAGE_MAX];
    size_t len = hex(expected, sizeof expected, text);
    return len == written_len && memcmp(written, expected, len) == 0;
}

/* The test that runs knows itself by its name only. */
static void replay(void)
{
    static uint8_t bytes[BGP_MESSAGE_MAX_EXTENDED];
    struct golden key, *g;
    snprintf(key.name, sizeof key.name, "%s", CU_get_current_test()->pName);
    g = bsearch(&key, cases, case_count, sizeof *cases, by_name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    apply_session(g->session);
    size_t len = hex(bytes, sizeof bytes, g->message);
    uint8_t *exact = malloc(len + 1);
    memcpy(exact, bytes, len);
    const char *verdict = verdict_of(exact, len);
    if (strcmp(verdict, g->verdict))
        printf("\n    verdict: %s\n    expected: %s\n", verdict, g->verdict);
    CU_ASSERT_STRING_EQUAL(verdict, g->verdict);
    if (g->canonical[0])
        CU_ASSERT(written_len ? is_written(g->canonical) : lab_is_hex(lab_canonical(&l), g->canonical));
    if (g->next_hop[0])
        CU_ASSERT_STRING_EQUAL(lab_next_hop(&l, 0), g->next_hop);
    free(exact);
    lab_close(&l);
}

int main(void)
{
    cases = calloc(CASES_MAX, sizeof *cases);
    if (!cases || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    read_folder(TANDEM_TESTS "/golden");
    CU_pSuite suite = CU_add_suite("golden", NULL, NULL);
    for (unsigned i = 0; suite && i < case_count; i++)
        if (!CU_add_test(suite, cases[i].name, replay))
            suite = NULL;
    if (suite)
        CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    free(cases);
    return suite && case_count && case_count < CASES_MAX && !failed ? 0 : 1;
}
