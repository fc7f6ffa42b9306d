#include "node/keys/agent_keys.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "bgp/base/hash.h"
#include "node/base/file.h"
#include "node/base/memory.h"
#include "replication/keys.h"

static const char ending[] = ".pub";

/* What is being read, and who has which key: thousands of hosts are read while the node works. A key's number is twice
 * its host's place and 1, or 2 for the next key. Nobody chose them to collide: the hash needs no secret. */
struct reading {
    struct agent_keys *out;
    size_t listed; /* hosts of the configuration */
    struct hash_index by_key;
    FILE *errors;
};

/* ---- keys ---- */

static uint64_t hash_key(const uint8_t *key)
{
    return hash_bytes(&(struct hash_key){ 0 }, key, REPL_KEY);
}

static const uint8_t *key_at(const struct reading *r, uint32_t number)
{
    const struct config_agent *a = &r->out->list[(number - 1) / 2];
    return number % 2 ? a->public_key : a->next_public_key;
}

static uint64_t hash_again(const void *of, uint32_t number)
{
    return hash_key(key_at(of, number));
}

static bool is_taken(const struct reading *r, const uint8_t *key)
{
    struct hash_probe probe = hash_probe(&r->by_key, hash_key(key));
    for (uint32_t number; (number = hash_probe_next(&probe));)
        if (memcmp(key_at(r, number), key, REPL_KEY) == 0)
            return true;
    return false;
}

static void take_key(struct reading *r, uint32_t number)
{
    const struct hash_owner owner = { .of = r, .hash = hash_again };
    if (!hash_insert(&r->by_key, &owner, hash_key(key_at(r, number)), number))
        abort(); /* out of memory */
}

static void take(struct reading *r, const struct config_agent *a)
{
    uint32_t place = (uint32_t)r->out->count++;
    r->out->list[place] = *a;
    take_key(r, 2 * place + 1);
    if (a->has_next_public_key)
        take_key(r, 2 * place + 2);
}

/* ---- files ---- */

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
    FILE *f = file_open(path);
    if (!f)
        return strerror(errno);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    return parse(text, out) ? NULL : "this is not a public key, as tandemctl key new prints it";
}

/* Files have names of their own. */
static const char *conflict(const struct reading *r, const struct config_agent *a)
{
    for (size_t i = 0; i < r->listed; i++)
        if (strcmp(r->out->list[i].name, a->name) == 0)
            return "a host of this name is listed already";
    bool has_taken = is_taken(r, a->public_key) || (a->has_next_public_key && is_taken(r, a->next_public_key));
    return has_taken ? "another host has this key already" : NULL;
}

static void read_file(struct reading *r, const char *directory, const char *file)
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
        wrong = conflict(r, &a);
    if (!wrong) {
        take(r, &a);
        return;
    }
    fprintf(r->errors, "%s: error: %s; it is left out\n", path, wrong);
    r->out->faults++;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool refuse(const struct config *config, FILE *errors)
{
    fprintf(errors, "%s: error: agents.keysDirectory: %s: %s; make it, or name another\n", config->path,
            config->agent_directory, strerror(errno));
    return false;
}

bool agent_keys_are_there(const struct config *config, FILE *errors)
{
    DIR *directory = config->agent_directory ? opendir(config->agent_directory) : NULL;
    if (config->agent_directory && !directory)
        return refuse(config, errors);
    if (directory)
        closedir(directory);
    return true;
}

bool agent_keys_read(const struct config *config, struct agent_keys *out, FILE *errors)
{
    struct reading r = { .out = out, .listed = config->agent_count, .errors = errors };
    struct dirent **files = NULL;
    int count = 0;
    *out = (struct agent_keys){ 0 };
    if (config->agent_directory) {
        count = scandir(config->agent_directory, &files, is_key_file, by_name);
        if (count < 0)
            return refuse(config, errors);
    }
    out->list = memory_new(config->agent_count + (size_t)count, sizeof *out->list);
    for (size_t i = 0; i < config->agent_count; i++)
        take(&r, &config->agents[i]);
    for (int i = 0; i < count; i++) {
        read_file(&r, config->agent_directory, files[i]->d_name);
        free(files[i]);
    }
    free(files);
    hash_fini(&r.by_key);
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
