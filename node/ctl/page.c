/* help page: what the manual pages have of our tables, in scdoc's words. The build asks for it; node/man has the rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/config/config_json.h"
#include "node/ctl/ctl.h"

/* A character that scdoc would take for its own has a backslash before it. */
static void print_text(const char *text)
{
    for (; *text; text++)
        printf(strchr("\\*_[]|#-+;`", *text) ? "\\%c" : "%c", *text);
}

static void print_bold(const char *text)
{
    putchar('*');
    print_text(text);
    putchar('*');
}

static void print_verbs(void)
{
    for (size_t i = 0; ctl_phrase(i); i++) {
        print_bold(ctl_phrase(i));
        putchar(' ');
        print_text(ctl_arguments(i));
        fputs("\n\t", stdout);
        print_text(ctl_help(i));
        puts("\n");
    }
}

/* ---- keys ---- */

static bool has_type(const json_t *property, const char *name)
{
    const json_t *type = json_object_get(property, "type"), *one;
    size_t i;
    json_array_foreach(type, i, one)
    {
        if (!strcmp(json_string_value(one), name))
            return true;
    }
    return json_is_string(type) && !strcmp(json_string_value(type), name);
}

/* What may stand there, where the schema says it; ": " before the first word. */
static void print_kind(const json_t *property, bool is_required)
{
    const char *pattern = json_string_value(json_object_get(property, "pattern")), *between = ": ";
    const json_t *least = json_object_get(property, "minimum"), *most = json_object_get(property, "maximum"), *word;
    size_t i;
    json_array_foreach(json_object_get(property, "enum"), i, word)
    {
        if (!json_is_string(word))
            continue;
        fputs(between, stdout);
        print_text(json_string_value(word));
        between = " \\| ";
    }
    if (pattern && strstr(pattern, "ms|s"))
        fputs(": a time", stdout);
    else if (pattern && strstr(pattern, "KiB"))
        fputs(": a size", stdout);
    else if (has_type(property, "boolean"))
        fputs(": true \\| false", stdout);
    else if (least && most)
        printf(": %lld to %lld", (long long)json_integer_value(least), (long long)json_integer_value(most));
    if (is_required)
        fputs(" (required)", stdout);
}

/* What a key stands for that is not there. */
static void print_default(const json_t *property)
{
    json_t *value = json_object_get(property, "default");
    char *text = json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY);
    if (text) {
        fputs(" (default ", stdout);
        print_text(text);
        putchar(')');
    }
    free(text);
}

static void print_keys(const json_t *object, const char *path);

static void print_key(const json_t *property, const char *path, bool is_required)
{
    bool is_list = has_type(property, "array");
    const json_t *inner = is_list ? json_object_get(property, "items") : property, *kind, *const_type;
    const char *help = json_string_value(json_object_get(property, "description"));
    char below[256];
    size_t i;
    print_bold(path);
    print_kind(property, is_required);
    print_default(property);
    fputs("\n\t", stdout);
    print_text(help ? help : "");
    puts("\n");
    if ((size_t)snprintf(below, sizeof below, "%s%s", path, is_list ? "[]" : "") >= sizeof below)
        return; /* no key lies so deep */
    if (strcmp(path, "defaults") != 0) /* has the keys of peers */
        print_keys(inner, below);
    json_array_foreach(json_object_get(inner, "anyOf"), i, kind)
    {
        const_type = json_object_get(json_object_get(json_object_get(kind, "properties"), "type"), "const");
        if (const_type) {
            print_bold(below);
            printf("*.type*: %s\n\n", json_string_value(const_type));
        }
        print_keys(kind, below);
    }
}

static void print_keys(const json_t *object, const char *path)
{
    json_t *properties = json_object_get(object, "properties"), *property;
    const json_t *required = json_object_get(object, "required"), *one;
    const char *key;
    size_t i;
    json_object_foreach(properties, key, property)
    {
        char inner[256];
        bool is_required = false;
        json_array_foreach(required, i, one) is_required |= !strcmp(json_string_value(one), key);
        snprintf(inner, sizeof inner, "%s%s%s", path, path[0] ? "." : "", key);
        if (!json_object_get(property, "const")) /* the type itself stands above */
            print_key(property, inner, is_required);
    }
}

static void print_schema(json_t *take_schema)
{
    print_keys(take_schema, "");
    json_decref(take_schema);
}

int verb_help_page(const struct ctl *c)
{
    if (!ctl_takes(c, 1, 1, "help page verbs|keys|agent-keys"))
        return CTL_USAGE;
    if (!strcmp(c->argv[0], "verbs"))
        print_verbs();
    else if (!strcmp(c->argv[0], "keys"))
        print_schema(config_schema());
    else if (!strcmp(c->argv[0], "agent-keys"))
        print_schema(config_agent_schema());
    else
        return ctl_fail(CTL_USAGE, "help page %s: it is verbs, keys or agent-keys", c->argv[0]);
    return CTL_OK;
}
