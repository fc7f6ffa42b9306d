#include "node/ctl/screen.h"

#include <curses.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct screen {
    struct ctl ctl; /* of this screen: wide or not */
    const struct screen_form *form;
    const struct screen_page *page;
    int first; /* line at the top; counted from the end where the page is a tail */
};

/* Errors are part of it: a node that is away says so here. The C library lets both streams be put in place. */
static int print_page(const struct screen *s, char **text)
{
    size_t len;
    FILE *out = stdout, *errors = stderr, *page = open_memstream(text, &len);
    if (!page)
        abort();
    stdout = stderr = page;
    int code = s->page->print(&s->ctl);
    stdout = out;
    stderr = errors;
    fclose(page);
    return code;
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

static void draw_lines(struct screen *s, const char *text)
{
    int room = LINES - 1, hidden = count_lines(text) - room, skip;
    if (s->first > hidden)
        s->first = hidden;
    if (s->first < 0)
        s->first = 0;
    skip = s->page->is_tail && hidden > 0 ? hidden - s->first : s->first;
    for (int row = -skip; row < room && *text; row++) {
        if (row >= 0) {
            attrset(is_alarm(text) ? A_BOLD : A_NORMAL);
            mvaddnstr(row, 0, text, fitting(text));
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
}

/* The pages' names, or the only one's with its period. */
static void draw_bar(const struct screen *s)
{
    const struct screen_form *form = s->form;
    char bar[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < form->count && len < sizeof bar; i++)
        len += (size_t)snprintf(bar + len, sizeof bar - len, &form->pages[i] == s->page ? "[%s]  " : "%s  ",
                                form->pages[i].name);
    if (len < sizeof bar && form->count > 1)
        snprintf(bar + len, sizeof bar - len, "first letters; w wide, up, down, q quit");
    else if (len < sizeof bar)
        snprintf(bar + len, sizeof bar - len, "every %u s; w wide, up, down, q quit", form->period_s);
    attrset(A_REVERSE);
    mvhline(LINES - 1, 0, ' ', COLS);
    mvaddnstr(LINES - 1, 0, bar, fitting(bar));
    attrset(A_NORMAL);
}

static void draw(struct screen *s, const char *text)
{
    erase();
    draw_lines(s, text);
    draw_bar(s);
    refresh();
}

static void move_by(struct screen *s, int lines)
{
    s->first += s->page->is_tail ? -lines : lines;
}

/* False: it was to end. */
static bool obey(struct screen *s, int key)
{
    for (size_t i = 0; i < s->form->count; i++)
        if (key == s->form->pages[i].key) {
            s->page = &s->form->pages[i];
            s->first = 0;
        }
    if (key == 'w' && !ctl_wants_json(&s->ctl))
        s->ctl.output = s->ctl.output == CTL_WIDE ? CTL_TABLE : CTL_WIDE;
    else if (key == KEY_DOWN || key == KEY_UP)
        move_by(s, key == KEY_DOWN ? 1 : -1);
    else if (key == KEY_NPAGE || key == KEY_PPAGE)
        move_by(s, key == KEY_NPAGE ? LINES - 2 : 2 - LINES);
    return key != 'q';
}

/* Its window was closed: from then on every key comes at once, and is none. */
static bool has_terminal(void)
{
    struct pollfd keys = { .fd = STDIN_FILENO };
    return poll(&keys, 1, 0) <= 0;
}

/* What the very first look may end with; later a daemon that is away may come back. */
static bool is_hopeless(int code)
{
    return code == CTL_USAGE || code == CTL_UNREACHABLE;
}

static int run_screen(struct screen *s)
{
    char *text;
    const char *name = getenv("TERM");
    int code = print_page(s, &text);
    if (is_hopeless(code)) {
        fputs(text, stderr);
        free(text);
        return code;
    }
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (!screen) {
        free(text);
        return ctl_fail(CTL_FAILED, "this kind of terminal is not known: TERM=%s", name ? name : "");
    }
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    timeout((int)s->form->period_s * 1000);
    for (draw(s, text); obey(s, getch()) && has_terminal(); draw(s, text)) {
        free(text);
        print_page(s, &text);
    }
    free(text);
    endwin();
    delscreen(screen);
    return CTL_OK;
}

/* For a pipe or a file: the first page, again and again. */
static int repeat(const struct ctl *c, const struct screen_form *form)
{
    for (bool is_first = true;; is_first = false) {
        int code = form->pages->print(c);
        if (code == CTL_USAGE || (is_first && is_hopeless(code)))
            return code;
        if (!ctl_wants_json(c))
            putchar('\n');
        if (fflush(stdout) || ferror(stdout))
            return code ? code : ctl_cannot_write();
        nanosleep(&(struct timespec){ .tv_sec = form->period_s }, NULL);
    }
}

int screen_run(const struct ctl *c, const struct screen_form *form)
{
    struct screen s = { .ctl = *c, .form = form, .page = form->pages };
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? run_screen(&s) : repeat(c, form);
}
