#include "node/keys/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain(FILE *errors, const char *path, const char *what)
{
    fprintf(errors, "%s: error: %s\n", path, what);
    return false;
}

/* With the name of the file, so that it can be typed. */
static bool complain_of_mode(FILE *errors, const char *path)
{
    fprintf(errors, "%s: error: others may read this secret; mend it with: chmod 600 %s\n", path, path);
    return false;
}

static bool read_private(const char *path, char text[static REPL_KEY_TEXT], const char *remedy, FILE *errors)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        char what[160];
        snprintf(what, sizeof what, "%s%s", strerror(errno),
                 errno == ENOENT   ? remedy
                 : errno == EACCES ? "; it has to belong to the user that this program runs as"
                                   : "");
        return complain(errors, path, what);
    }
    struct stat st;
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, text, REPL_KEY_TEXT - 1) : -1;
    close(fd);
    if (n < 0)
        return complain(errors, path, "not a readable file");
    text[n] = 0;
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return complain_of_mode(errors, path);
    return true;
}

bool keyfile_identity(const char *path, struct repl_identity *out, FILE *errors)
{
    char text[REPL_KEY_TEXT];
    if (!read_private(path, text, "; make one with: tandemctl key new FILE", errors))
        return false;
    int err = repl_identity_parse(text, out);
    explicit_bzero(text, sizeof text);
    return !err || complain(errors, path,
                            "this is not a node key; make one with: tandemctl key new FILE");
}

bool keyfile_secret(const char *path, struct repl_secrets *out, FILE *errors)
{
    char text[REPL_KEY_TEXT];
    if (!path)
        return complain(errors, "cluster.secretFile", "is needed");
    if (!read_private(path, text, "; copy it from another machine, or make the first one with: tandemctl key new --secret FILE",
                      errors))
        return false;
    int err = repl_secret_parse(text, out);
    explicit_bzero(text, sizeof text);
    return !err || complain(errors, path,
                            "this is not a secret; make one with: tandemctl key new --secret FILE");
}

bool keyfile_write(const char *path, const char *text, FILE *errors)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return complain(errors, path,
                        errno == EEXIST ? "exists already, and is left as it is" : strerror(errno));
    size_t len = strlen(text);
    errno = 0;
    bool ok = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int err = errno;
    ok = close(fd) == 0 && ok;
    if (ok)
        return true;
    unlink(path);
    return complain(errors, path, err ? strerror(err) : "could not be written");
}
