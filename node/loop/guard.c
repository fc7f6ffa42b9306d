#include "node/loop/guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "node/base/file.h"

/* ---- TTL ---- */

/* For what comes before a connection is accepted: the least that any peer may come with, and the highest
 * that any peer may ask for. */
static void set_ttls(int fd, uint8_t family, const struct config *c)
{
    uint8_t ttl = 0, min_ttl = UINT8_MAX;
    bool has_peer = false;
    for (size_t i = 0; i < c->peer_count; i++) {
        const struct config_peer *p = &c->peers[i];
        if (p->peer_ip.family != family || p->disabled)
            continue;
        has_peer = true;
        min_ttl = config_peer_min_ttl(p) < min_ttl ? config_peer_min_ttl(p) : min_ttl;
        ttl = p->ttl_security ? UINT8_MAX : ttl;
    }
    sock_guard_ttl(fd, ttl, has_peer ? min_ttl : 0);
}

/* ---- keys ---- */

/* The first line of its file. NULL, or what is wrong with it. */
static const char *read_key(const char *path, char key[static GUARD_KEY_MAX + 1])
{
    FILE *f = file_open(path);
    const char *wrong = f ? NULL : strerror(errno);
    char line[GUARD_KEY_MAX + 3] = ""; /* one letter too many is noticed */
    if (f && !fgets(line, sizeof line, f))
        line[0] = 0;
    if (f)
        fclose(f);
    size_t len = strcspn(line, "\r\n");
    if (!wrong && (!len || len > GUARD_KEY_MAX))
        wrong = len ? "longer than 80 letters" : "empty";
    line[len] = 0;
    if (!wrong)
        memcpy(key, line, len + 1);
    explicit_bzero(line, sizeof line);
    return wrong;
}

static bool read_key_or_log(struct log *log, const char *path, char key[static GUARD_KEY_MAX + 1])
{
    const char *wrong = read_key(path, key);
    if (wrong)
        log_event(log, LOG_ERROR_, "key_unreadable", NULL, "file=%s error=\"%s\"", path, wrong);
    return !wrong;
}

static struct sock_ao_key ao_key(const struct config_tcp_ao *ao, const char *text)
{
    static const char *const kernel_names[] = { [CONFIG_AO_HMAC_SHA1] = "hmac(sha1)",
                                                [CONFIG_AO_AES_CMAC] = "cmac(aes128)" };
    return (struct sock_ao_key){ .text = text,
                                 .algorithm = kernel_names[ao->algorithm],
                                 .send_id = ao->send_id,
                                 .receive_id = ao->receive_id };
}

bool guard_dial(struct guard *g, const char *md5_key_file, const struct config_tcp_ao *ao,
                struct sock_options *options, struct log *log)
{
    const char *path = ao->key_file ? ao->key_file : md5_key_file;
    *g = (struct guard){ 0 };
    if (!path)
        return true;
    if (!read_key_or_log(log, path, g->key))
        return false;
    g->ao = ao_key(ao, g->key);
    options->ao = ao->key_file ? &g->ao : NULL;
    options->md5_key = ao->key_file ? NULL : g->key;
    return true;
}

void guard_fini(struct guard *g)
{
    explicit_bzero(g, sizeof *g);
}

static struct ip_prefix where(const struct config_peer *p)
{
    struct ip_prefix one = { .family = p->peer_ip.family, .len = (uint8_t)(8 * ip_addr_len(p->peer_ip.family)) };
    memcpy(one.bytes, p->peer_ip.bytes, sizeof one.bytes);
    return p->is_range ? p->range : one;
}

static const char *key_file(const struct config_peer *p)
{
    return p->tcp_ao.key_file ? p->tcp_ao.key_file : p->md5_key_file;
}

static void add_key(int fd, const struct config_peer *p, struct log *log)
{
    const struct ip_prefix peers = where(p);
    const char *path = key_file(p);
    char key[GUARD_KEY_MAX + 1] = "";
    if (!path || !read_key_or_log(log, path, key))
        return;
    const struct sock_ao_key ao = ao_key(&p->tcp_ao, key);
    int err = p->tcp_ao.key_file ? sock_ao(fd, &peers, &ao, false) : sock_md5(fd, &peers, key);
    explicit_bzero(key, sizeof key);
    if (err)
        log_event(log, LOG_ERROR_, "key_failed", NULL, "peer=%s error=\"%s\"", p->name, strerror(-err));
}

/* Connections that stand have keys of their own. */
static void remove_keys(int fd, uint8_t family, const struct config *was)
{
    for (size_t i = 0; i < was->peer_count; i++) {
        const struct config_peer *p = &was->peers[i];
        const struct ip_prefix peers = where(p);
        if (peers.family != family)
            continue;
        if (p->tcp_ao.key_file)
            sock_ao_remove(fd, &peers, p->tcp_ao.send_id, p->tcp_ao.receive_id);
        else if (p->md5_key_file)
            sock_md5(fd, &peers, "");
    }
}

void guard_listener(int fd, uint8_t family, const struct config *is, const struct config *was,
                    struct log *log)
{
    if (was)
        remove_keys(fd, family, was);
    for (size_t i = 0; i < is->peer_count; i++)
        if (is->peers[i].peer_ip.family == family)
            add_key(fd, &is->peers[i], log);
    set_ttls(fd, family, is);
}

/* Only said, as of the API's token; once for those that share a file. */
static void warn_of_mode(const char *path, const char *last, FILE *errors)
{
    struct stat st;
    if (stat(path, &st) == 0 && st.st_mode & S_IRWXO && (!last || strcmp(path, last) != 0))
        fprintf(errors, "%s: warning: others may read this key; mend it with: chmod 640\n", path);
}

/* A listener without a key would take anybody at the peer's address. */
static bool has_keys(const struct config *c, FILE *errors)
{
    bool has_all = true;
    const char *last = NULL;
    for (size_t i = 0; i < c->peer_count; i++) {
        const struct config_peer *p = &c->peers[i];
        char key[GUARD_KEY_MAX + 1];
        const char *path = p->disabled ? NULL : key_file(p), *wrong = path ? read_key(path, key) : NULL;
        explicit_bzero(key, sizeof key);
        if (wrong)
            fprintf(errors, "%s: error: peers: the key of %s, %s: %s\n", c->path, p->name, path, wrong);
        else if (path)
            warn_of_mode(path, last, errors);
        last = path ? path : last;
        has_all &= !wrong;
    }
    return has_all;
}

bool guard_permits(const struct config *c, FILE *errors)
{
    const struct config_peer *p = NULL;
    if (!has_keys(c, errors))
        return false;
    for (size_t i = 0; i < c->peer_count && !p; i++)
        if (c->peers[i].tcp_ao.key_file && !c->peers[i].disabled)
            p = &c->peers[i];
    if (!p || sock_has_ao())
        return true;
    fprintf(errors,
            "%s: error: peers: %s asks for TCP-AO, which this kernel does not have (Linux 6.7 or newer with "
            "CONFIG_TCP_AO)\n    use md5KeyFile, or ttlSecurity, or disable the peer\n",
            c->path, p->name);
    return false;
}
