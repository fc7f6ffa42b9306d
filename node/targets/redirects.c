#include "node/targets/redirects.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_set(const char *root, const char *family, const char *interface, const char *key)
{
    char path[512], value = '0';
    snprintf(path, sizeof path, "%s/%s/conf/%s/%s", root, family, interface, key);
    FILE *f = fopen(path, "re");
    if (f && fread(&value, 1, 1, f) != 1)
        value = '0';
    if (f)
        fclose(f);
    return value != '0';
}

/* A router asks for both words, that of all interfaces and the interface's own; a host for one of them. */
static bool accepts_ip4(const char *root, const char *interface)
{
    bool all = is_set(root, "ipv4", "all", "accept_redirects");
    bool own = is_set(root, "ipv4", interface, "accept_redirects");
    return is_set(root, "ipv4", interface, "forwarding") ? all && own : all || own;
}

static bool accepts_ip6(const char *root, const char *interface)
{
    return is_set(root, "ipv6", interface, "accept_redirects") && !is_set(root, "ipv6", interface, "forwarding");
}

static bool is_interface(const char *name)
{
    static const char *const others[] = { ".", "..", "all", "default", "lo" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name, others[i]) == 0)
            return false;
    return true;
}

size_t redirects_accepted(const char *root, char *names, size_t cap)
{
    char path[512];
    size_t count = 0, used = 0;
    snprintf(path, sizeof path, "%s/ipv4/conf", root);
    names[0] = 0;
    DIR *all = opendir(path);
    for (const struct dirent *e; all && (e = readdir(all));) {
        if (!is_interface(e->d_name) || (!accepts_ip4(root, e->d_name) && !accepts_ip6(root, e->d_name)))
            continue;
        if (used < cap)
            used += (size_t)snprintf(names + used, cap - used, "%s%s", count ? " " : "", e->d_name);
        count++;
    }
    if (all)
        closedir(all);
    return count;
}
