#include "node/io/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/config/config.h"

/* A thousand peers that flap together, each with three kinds of events, find their places again: of sets of
 * eight places three in a thousand are too small for them. */
enum { LINE_MAX_ = 1024, SETS = 1024, WAYS = 8, PER_MINUTE = 10 };

struct slot { /* of events that were written lately, by a hash of event and subject */
    uint32_t hash, count, dropped;
    time_t minute;
};

struct log {
    FILE *out;
    int level, format;
    char node[CONFIG_NAME_MAX + 1];
    uint32_t lost; /* lines that there was no room for, untold */
    struct slot slots[SETS][WAYS];
};

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static const char *const priorities[] = { "<7>", "<6>", "<4>", "<3>" }; /* sd-daemon(3) */

/* Under systemd the journal adds time and level itself. */
static int resolve_format(int format)
{
    if (format != CONFIG_LOG_AUTO)
        return format;
    return getenv("JOURNAL_STREAM") ? CONFIG_LOG_LOGFMT : CONFIG_LOG_PLAIN;
}

struct log *log_new(FILE *out, int level, int format, const char *node)
{
    struct log *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->out = out;
    l->level = level;
    l->format = resolve_format(format);
    snprintf(l->node, sizeof l->node, "%s", node ? node : "");
    return l;
}

void log_set_level(struct log *l, int level)
{
    l->level = level;
}

int log_level(const struct log *l)
{
    return l->level;
}

void log_free(struct log *l)
{
    free(l);
}

static uint32_t hash_text(uint32_t hash, const char *text)
{
    for (; text && *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

/* That of this hash, else the one of its set that was not used for longest. */
static struct slot *find_slot(struct slot set[WAYS], uint32_t hash)
{
    struct slot *oldest = set;
    for (struct slot *s = set; s < set + WAYS; s++) {
        if (s->hash == hash)
            return s;
        if (s->minute < oldest->minute)
            oldest = s;
    }
    return oldest;
}

/* Ten of a kind a minute; *dropped says how many were left out before this one. */
static bool may_write(struct log *l, const char *event, const char *subject, time_t now,
                      uint32_t *dropped)
{
    uint32_t hash = hash_text(hash_text(2166136261u, event), subject);
    struct slot *s = find_slot(l->slots[hash % SETS], hash);
    *dropped = 0;
    if (s->hash != hash || s->minute != now / 60) {
        *dropped = s->hash == hash ? s->dropped : 0;
        *s = (struct slot){ .hash = hash, .minute = now / 60 };
    }
    if (++s->count <= PER_MINUTE)
        return true;
    s->dropped++;
    return false;
}

/* Who reads the lines may have stopped: a terminal, a pipe, the journal. Nobody waits for it. A pipe that has room has
 * a page of it, which is more than an event takes. */
static bool has_room(const struct log *l)
{
    struct pollfd out = { .fd = fileno(l->out), .events = POLLOUT };
    return out.fd < 0 || poll(&out, 1, 0) != 0;
}

static void put_time(struct log *l, const struct timespec *now)
{
    struct tm utc;
    char text[32];
    gmtime_r(&now->tv_sec, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(l->out, "%s.%03ldZ", text, now->tv_nsec / 1000000);
}

static void put_json_text(FILE *out, const char *text, size_t len)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

/* key=value pairs, values plain or quoted as log_quote writes them, as JSON members. */
static void put_json_fields(FILE *out, const char *p)
{
    while (*p) {
        size_t key = strcspn(p, "= ");
        if (p[key] != '=')
            return;
        fputc(',', out);
        put_json_text(out, p, key);
        fputc(':', out);
        p += key + 1;
        size_t value;
        if (*p == '"') {
            for (value = 1; p[value] && p[value] != '"'; value++)
                if (p[value] == '\\' && p[value + 1])
                    value++;
            put_json_text(out, p + 1, value - 1);
            value += p[value] == '"';
        } else {
            value = strcspn(p, " ");
            put_json_text(out, p, value);
        }
        p += value;
        p += strspn(p, " ");
    }
}

static void put_plain(struct log *l, int level, const char *event, const char *subject,
                      const char *fields, const struct timespec *now)
{
    put_time(l, now);
    fprintf(l->out, " %-5s %s", level_names[level], event);
    if (subject)
        fprintf(l->out, " %s", subject);
    if (*fields)
        fprintf(l->out, " %s", fields);
    fputc('\n', l->out);
}

static void put_logfmt(struct log *l, int level, const char *event, const char *subject,
                       const char *fields, const struct timespec *now)
{
    if (getenv("JOURNAL_STREAM")) {
        fputs(priorities[level], l->out);
    } else {
        fputs("ts=", l->out);
        put_time(l, now);
        fprintf(l->out, " level=%s ", level_names[level]);
    }
    fprintf(l->out, "event=%s node=%s%s%s%s%s\n", event, l->node, subject ? " " : "",
            subject ? subject : "", *fields ? " " : "", fields);
}

static void put_json(struct log *l, int level, const char *event, const char *subject,
                     const char *fields, const struct timespec *now)
{
    fputs("{\"ts\":\"", l->out);
    put_time(l, now);
    fprintf(l->out, "\",\"level\":\"%s\",\"event\":\"%s\",\"node\":", level_names[level], event);
    put_json_text(l->out, l->node, strlen(l->node));
    put_json_fields(l->out, subject ? subject : "");
    put_json_fields(l->out, fields);
    fputs("}\n", l->out);
}

static void put_line(struct log *l, int level, const char *event, const char *subject,
                     const char *fields, const struct timespec *now)
{
    if (l->format == CONFIG_LOG_JSON)
        put_json(l, level, event, subject, fields, now);
    else if (l->format == CONFIG_LOG_LOGFMT)
        put_logfmt(l, level, event, subject, fields, now);
    else
        put_plain(l, level, event, subject, fields, now);
}

static void put_left_out(struct log *l, const char *event, const char *subject, uint32_t dropped,
                         const struct timespec *now)
{
    char note[64];
    snprintf(note, sizeof note, "count=%u", l->lost);
    if (l->lost)
        put_line(l, LOG_WARN_, "lines_lost", NULL, note, now);
    l->lost = 0;
    snprintf(note, sizeof note, "of=%s count=%u", event, dropped);
    if (dropped)
        put_line(l, LOG_INFO_, "repeated", subject, note, now);
}

/* One event is one line, whatever a peer put into a text. */
static void clean(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void log_event(struct log *l, enum log_level level, const char *event, const char *subject,
               const char *fields, ...)
{
    char text[LINE_MAX_] = "";
    struct timespec now;
    uint32_t dropped;
    if ((int)level < l->level)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    if (!may_write(l, event, subject, now.tv_sec, &dropped))
        return;
    if (!has_room(l)) {
        l->lost++;
        return;
    }
    if (fields) {
        va_list args;
        va_start(args, fields);
        vsnprintf(text, sizeof text, fields, args);
        va_end(args);
        clean(text);
    }
    put_left_out(l, event, subject, dropped, &now);
    put_line(l, (int)level, event, subject, text, &now);
    fflush(l->out);
}

const char *log_quote(const char *text, char *buf, size_t cap)
{
    size_t at = 0;
    buf[at++] = '"';
    for (; *text && at + 8 < cap; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            buf[at++] = '\\';
            buf[at++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            at += (size_t)snprintf(buf + at, cap - at, "\\x%02x", c);
        } else {
            buf[at++] = (char)c;
        }
    }
    if (*text) {
        memcpy(buf + at, "…", 3);
        at += 3;
    }
    buf[at++] = '"';
    buf[at] = 0;
    return buf;
}
