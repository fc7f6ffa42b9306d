/* mrt dump: the RIB into a file of this machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/ctl/client.h"

int verb_mrt_dump(const struct ctl *c)
{
    char part[4096];
    if (!ctl_takes(c, 1, 1, "mrt dump FILE"))
        return CTL_USAGE;
    const char *path = c->argv[0];
    snprintf(part, sizeof part, "%s.part", path); /* what stands at FILE stays until there is more */
    FILE *file = fopen(part, "wbe");
    if (!file)
        return ctl_fail(CTL_FAILED, "%s: %s", part, strerror(errno));
    int status = client_download(c, "/v1/mrt", file);
    if (fclose(file) && !status)
        status = ctl_fail(CTL_FAILED, "%s: %s", part, strerror(errno));
    if (!status && rename(part, path))
        status = ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    if (status)
        unlink(part);
    return status;
}
