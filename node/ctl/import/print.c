/* A configuration as a file for people: comments where they have something left to do. */
#include <stdio.h>
#include <string.h>

#include "node/ctl/import/import.h"

static const struct {
    const char *key, *text; /* text: lines before it */
} comments[] = {
    { "routeServer", "\n" },
    { "nodes", "\n# The addresses that NVAs peer with now. Where the nodes get others, the NVAs must be told, too.\n"
               "# A node finds itself by its host name, or by --node.\n" },
    { "cluster", "\n# On each node: tandemctl key new /etc/tandem/cluster.key; what it prints is that node's publicKey above.\n"
                 "# On one node: tandemctl key new --secret /etc/tandem/cluster.secret; the same file goes to the others.\n" },
    { "peers", "\n# tandemctl nva-config NAME --for frr prints the NVA's side of it.\n" },
    { "virtualNetworks", "\n# Announced to peers; next hops must lie inside.\n" },
};

static const char programming[] =
    "\n# What learns the routes: nothing yet. Azure's route tables, for one:\n"
    "# programming:\n"
    "#   - name: spokes\n"
    "#     type: azureRouteTable\n"
    "#     resourceIds: [\"/subscriptions/SUB/resourceGroups/RG/providers/Microsoft.Network/routeTables/NAME\"]\n"
    "#     identity: system\n";

/* A text that YAML might take for something else stands in quotes, whose rules are JSON's. */
static void print_value(json_t *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
    const char *text = json_string_value(value), *between = "";
    size_t i;
    json_t *item;
    if (json_is_array(value)) {
        putchar('[');
        json_array_foreach(value, i, item)
        {
            fputs(between, stdout);
            print_value(item);
            between = ", ";
        }
        putchar(']');
    } else if (text && text[strspn(text, plain)] == 0 && strspn(text, "-.") == 0) {
        fputs(text, stdout);
    } else {
        json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
    }
}

static void print_lines(json_t *object, const char *first, const char *then)
{
    const char *key, *before = first;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        printf("%s%s: ", before, key);
        print_value(value);
        putchar('\n');
        before = then;
    }
}

static void print_flow(json_t *object)
{
    const char *key, *before = "  - { ";
    json_t *value;
    json_object_foreach(object, key, value)
    {
        printf("%s%s: ", before, key);
        print_value(value);
        before = ", ";
    }
    puts(" }");
}

static void print_list(const char *key, json_t *list)
{
    bool is_nodes = !strcmp(key, "nodes"), has_keys = is_nodes && json_array_size(list) > 1;
    json_t *item;
    size_t i;
    printf("%s:%s\n", key, json_array_size(list) ? "" : " []");
    json_array_foreach(list, i, item)
    {
        if (!is_nodes)
            print_flow(item);
        else
            print_lines(item, "  - ", "    ");
        if (has_keys)
            printf("    # publicKey: \"\" # tandemctl key new /etc/tandem/cluster.key, on %s\n",
                   json_string_value(json_object_get(item, "name")));
    }
}

static void print_comment(const char *key)
{
    for (size_t i = 0; i < sizeof comments / sizeof *comments; i++)
        if (!strcmp(comments[i].key, key))
            fputs(comments[i].text, stdout);
}

void import_print(json_t *config)
{
    const char *key;
    json_t *value;
    puts("# Made by tandemctl import azure. The same file on every node; check it with\n"
         "# tandemd --config tandem.yaml --node NAME --check");
    json_object_foreach(config, key, value)
    {
        print_comment(key);
        if (json_is_object(value)) {
            printf("%s:\n", key);
            print_lines(value, "  ", "  ");
        } else if (json_is_array(value)) {
            print_list(key, value);
        } else {
            printf("%s: %lld\n", key, (long long)json_integer_value(value));
        }
    }
    fputs(programming, stdout);
}
