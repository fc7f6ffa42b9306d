/* support-bundle: what a node says of itself, as files of a new folder that can be sent to somebody. Nothing secret is among
 * it: keys, tokens and passwords stand in files of their own, which the API never reads out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/ctl/client.h"

static const struct part {
    const char *file, *path;
} parts[] = {
    { "status.json", "/v1/status" },
    { "nodes.json", "/v1/nodes" },
    { "peers.json", "/v1/peers" },
    { "programming.json", "/v1/programming" },
    { "bmp.json", "/v1/bmp" },
    { "events.json", "/v1/events?limit=1000" },
    { "config.json", "/v1/config" },
    { "revisions.json", "/v1/config/revisions" },
    { "metrics.txt", "/metrics" },
};

static int save(const struct ctl *c, const char *folder, const struct part *p)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, p->file);
    FILE *file = fopen(path, "wxe");
    if (!file)
        return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    int code = client_download(c, p->path, file);
    if (fclose(file) && !code)
        code = ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    if (code)
        unlink(path);
    return code;
}

int verb_support_bundle(const struct ctl *c)
{
    if (!ctl_takes(c, 1, 1, "support-bundle FOLDER"))
        return CTL_USAGE;
    const char *folder = c->argv[0];
    if (mkdir(folder, 0700))
        return ctl_fail(CTL_FAILED, "%s: %s", folder, strerror(errno));
    int code = CTL_OK;
    for (size_t i = 0; !code && i < sizeof parts / sizeof *parts; i++)
        code = save(c, folder, &parts[i]);
    if (code)
        rmdir(folder); /* where nothing came of it */
    else
        printf("%s: nothing secret is in it; pack it with tar -czf %s.tar.gz %s\n", folder, folder, folder);
    return code;
}
