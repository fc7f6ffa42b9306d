/* top: what other verbs print, again every second, on one screen. No table is laid out twice: a verb prints into
 * memory, and what fits is shown. */
#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/ctl/client.h"

enum { PERIOD_MS = 1000 };

static const struct page {
    char key;
    const char *name;
    ctl_verb *print;
    bool is_tail; /* its end is what is new */
} pages[] = {
    { 's', "status", verb_status, false },      { 'n', "nodes", verb_node_list, false },
    { 'p', "peers", verb_peer_list, false },    { 't', "targets", verb_programmed, false },
    { 'e', "events", verb_events, true },       { 'd', "doctor", verb_doctor, false },
};

enum { PAGES = sizeof pages / sizeof *pages };

struct top {
    struct ctl ctl; /* of this screen: wide or not */
    const struct page *page;
    int first; /* line at the top; counted from the end where the page is a tail */
};

/* Errors are part of it: a node that is away says so here. The C library lets both streams be put in place. */
static char *print_page(const struct top *t)
{
    char *text;
    size_t len;
    FILE *out = stdout, *errors = stderr, *page = open_memstream(&text, &len);
    if (!page)
        abort();
    stdout = stderr = page;
    t->page->print(&t->ctl);
    stdout = out;
    stderr = errors;
    fclose(page);
    return text;
}

static int count_lines(const char *text)
{
    int count = 0;
    for (; (text = strchr(text, '\n')); text++)
        count++;
    return count;
}

/* Bytes of the line that fit: whole characters. */
static int fitting(const char *line)
{
    int len = (int)strcspn(line, "\n");
    if (len <= COLS)
        return len;
    for (len = COLS; len && (line[len] & 0xc0) == 0x80;)
        len--;
    return len;
}

static bool is_alarm(const char *line)
{
    static const char *const words[] = { "warning:", "not ready:", "warn ", "fail ", "tandemctl:" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strncmp(line, words[i], strlen(words[i])))
            return true;
    return false;
}

static void draw_lines(struct top *t, const char *text)
{
    int room = LINES - 1, hidden = count_lines(text) - room, skip;
    if (t->first > hidden)
        t->first = hidden;
    if (t->first < 0)
        t->first = 0;
    skip = t->page->is_tail && hidden > 0 ? hidden - t->first : t->first;
    for (int row = -skip; row < room && *text; row++) {
        if (row >= 0) {
            attrset(is_alarm(text) ? A_BOLD : A_NORMAL);
            mvaddnstr(row, 0, text, fitting(text));
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
}

static void draw(struct top *t)
{
    char bar[256] = "", *text = print_page(t);
    size_t len = 0;
    erase();
    draw_lines(t, text);
    free(text);
    for (int i = 0; i < PAGES && len < sizeof bar; i++)
        len += (size_t)snprintf(bar + len, sizeof bar - len, &pages[i] == t->page ? "[%s]  " : "%s  ", pages[i].name);
    if (len < sizeof bar)
        snprintf(bar + len, sizeof bar - len, "first letters; w wide, up, down, q quit");
    attrset(A_REVERSE);
    mvhline(LINES - 1, 0, ' ', COLS);
    mvaddnstr(LINES - 1, 0, bar, fitting(bar));
    attrset(A_NORMAL);
    refresh();
}

static void move_by(struct top *t, int lines)
{
    t->first += t->page->is_tail ? -lines : lines;
}

/* False: it was to end. */
static bool obey(struct top *t, int key)
{
    for (int i = 0; i < PAGES; i++)
        if (key == pages[i].key) {
            t->page = &pages[i];
            t->first = 0;
        }
    if (key == 'w')
        t->ctl.output = t->ctl.output == CTL_WIDE ? CTL_TABLE : CTL_WIDE;
    else if (key == KEY_DOWN || key == KEY_UP)
        move_by(t, key == KEY_DOWN ? 1 : -1);
    else if (key == KEY_NPAGE || key == KEY_PPAGE)
        move_by(t, key == KEY_NPAGE ? LINES - 2 : 2 - LINES);
    return key != 'q';
}

static int run_screen(const struct ctl *c)
{
    const char *name = getenv("TERM");
    struct top t = { .ctl = *c, .page = pages };
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return ctl_fail(CTL_FAILED, "this kind of terminal is not known: TERM=%s", name ? name : "");
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    timeout(PERIOD_MS);
    do
        draw(&t);
    while (obey(&t, getch()));
    endwin();
    delscreen(screen);
    return CTL_OK;
}

/* For a pipe or a file: the status, again and again. */
static int repeat(const struct ctl *c)
{
    int code;
    while (!(code = verb_status(c)) && putchar('\n') != EOF && !fflush(stdout))
        nanosleep(&(struct timespec){ .tv_sec = PERIOD_MS / 1000 }, NULL);
    return code;
}

int verb_top(const struct ctl *c)
{
    json_t *status;
    if (!ctl_takes(c, 0, 0, "top"))
        return CTL_USAGE;
    if (ctl_wants_json(c))
        return ctl_fail(CTL_USAGE, "top is for eyes: status -o json, or events -f -o json");
    int code = client_get(c, "/v1/status", &status);
    if (code)
        return code;
    json_decref(status);
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? run_screen(c) : repeat(c);
}
