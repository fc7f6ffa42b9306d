#include "node/io/run_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool run_directory_make(const char *path, FILE *errors)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return true;
    fprintf(errors, "%s: error: runDirectory %s: %s; create it, or name another\n",
            program_invocation_short_name, path, strerror(errno));
    return false;
}

bool run_directory_lock(const char *path, const char *file, const char *what, FILE *errors)
{
    char name[4096];
    snprintf(name, sizeof name, "%s/%s", path, file);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true; /* kept open for the life of the process */
    if (fd < 0)
        fprintf(errors, "%s: error: %s: %s\n", program_invocation_short_name, name,
                strerror(errno));
    else
        fprintf(errors, "%s: error: %s: %s runs already on this machine\n",
                program_invocation_short_name, name, what);
    if (fd >= 0)
        close(fd);
    return false;
}
