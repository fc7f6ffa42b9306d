#include "node/keys/agent_keys.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "node/base/memory.h"
#include "replication/keys.h"

static const char ending[] = ".pub";

static int is_key_file(const struct dirent *d)
{
    size_t len = strlen(d->d_name), end = sizeof ending - 1;
    return d->d_name[0] != '.' && len > end && strcmp(d->d_name + len - end, ending) == 0;
}

/* The key, and on a second line the next one. */
static bool parse(char *text, struct config_agent *out)
{
    char *next = strchr(text, '\n');
    if (next)
        *next++ = 0;
    out->has_next_public_key = next && next[strspn(next, " \t\r\n")];
    return repl_public_parse(text, out->public_key) == 0 &&
           (!out->has_next_public_key || repl_public_parse(next, out->next_public_key) == 0);
}

/* NULL, or what is wrong with the file. */
static const char *read_keys(const char *path, struct config_agent *out)
{
    char text[REPL_KEY_TEXT] = "";
    FILE *f = fopen(path, "re");
    if (!f)
        return strerror(errno);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    return parse(text, out) ? NULL : "this is not a public key, as tandemctl key new prints it";
}

static const char *conflict(const struct agent_keys *k, const struct config_agent *a)
{
    for (size_t i = 0; i < k->count; i++) {
        if (strcmp(k->list[i].name, a->name) == 0)
            return "a host of this name is listed already";
        if (config_agents_share_key(&k->list[i], a))
            return "another host has this key already";
    }
    return NULL;
}

static void read_file(struct agent_keys *k, const char *directory, const char *file, FILE *errors)
{
    struct config_agent a = { 0 };
    char path[4096];
    size_t len = strlen(file) - (sizeof ending - 1);
    snprintf(path, sizeof path, "%s/%s", directory, file);
    const char *wrong = len > CONFIG_NAME_MAX ? "its name is too long" : NULL;
    if (!wrong) {
        memcpy(a.name, file, len);
        wrong = read_keys(path, &a);
    }
    if (!wrong)
        wrong = conflict(k, &a);
    if (!wrong) {
        k->list[k->count++] = a;
        return;
    }
    fprintf(errors, "%s: error: %s; it is left out\n", path, wrong);
    k->faults++;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

bool agent_keys_read(const struct config *config, struct agent_keys *out, FILE *errors)
{
    struct dirent **files = NULL;
    int count = 0;
    *out = (struct agent_keys){ 0 };
    if (config->agent_directory) {
        count = scandir(config->agent_directory, &files, is_key_file, by_name);
        if (count < 0) {
            fprintf(errors, "%s: error: %s\n", config->agent_directory, strerror(errno));
            return false;
        }
    }
    out->list = memory_new(config->agent_count + (size_t)count, sizeof *out->list);
    for (; out->count < config->agent_count; out->count++)
        out->list[out->count] = config->agents[out->count];
    for (int i = 0; i < count; i++) {
        read_file(out, config->agent_directory, files[i]->d_name, errors);
        free(files[i]);
    }
    free(files);
    return true;
}

void agent_keys_free(struct agent_keys *k)
{
    free(k->list);
    *k = (struct agent_keys){ 0 };
}

/* One line of the log for each line that was written. */
static void log_faults(struct log *log, char *text)
{
    char quoted[600], *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        log_event(log, LOG_ERROR_, "agent_key_refused", NULL, "error=%s",
                  log_quote(line, quoted, sizeof quoted));
}

void agent_keys_reload(const struct config *config, struct core *core, struct log *log,
                       uint64_t now_ms)
{
    struct agent_keys keys;
    char *text = NULL;
    size_t len;
    FILE *errors = open_memstream(&text, &len);
    if (!errors)
        abort();
    bool ok = agent_keys_read(config, &keys, errors);
    fclose(errors);
    log_faults(log, text);
    free(text);
    if (ok) {
        core_set_agents(core, keys.list, keys.count, now_ms);
        log_event(log, LOG_INFO_, "agents_listed", NULL, "hosts=%zu left_out=%u", keys.count,
                  keys.faults);
    }
    agent_keys_free(&keys);
}
