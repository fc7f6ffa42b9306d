/* mrt dump: the RIB into a file of this machine, or to standard output. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/ctl/client.h"

static int download(const struct ctl *c, const char *path)
{
    FILE *file = fopen(path, "wbe");
    if (!file)
        return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    int status = client_download(c, "/v1/mrt", file);
    if (fclose(file) && !status)
        status = ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    return status;
}

/* What stands there stays until there is more. */
static int replace(const struct ctl *c, const char *path)
{
    char part[4096];
    snprintf(part, sizeof part, "%s.part", path);
    int status = download(c, part);
    if (!status && rename(part, path))
        status = ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    if (status)
        unlink(part);
    return status;
}

int verb_mrt_dump(const struct ctl *c)
{
    struct stat st;
    if (!ctl_takes(c, 1, 1, "mrt dump FILE"))
        return CTL_USAGE;
    const char *path = c->argv[0];
    if (!strcmp(path, "-"))
        return client_download(c, "/v1/mrt", stdout);
    bool is_device = !stat(path, &st) && !S_ISREG(st.st_mode); /* a pipe or /dev/stdout is written to, never replaced */
    return is_device ? download(c, path) : replace(c, path);
}
