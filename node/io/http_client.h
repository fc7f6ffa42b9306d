/* HTTP requests of a target, inside the loop: libcurl's multi-socket interface on libuv.
 *
 * A client is one peer's worth of settings (trust, own certificate) and its pool of kept
 * connections; a request is one object from http_request_new to its on_done. Nothing blocks,
 * everything is bounded: time, size of the answer, number of requests. HTTP/1.1 over TCP, `http`
 * and `https` only, no redirects, no proxy, no cookies, TLS 1.2 or newer with the server's
 * certificate verified.
 *
 * Callbacks come from the loop, never from inside a function of this header. In them new requests
 * may be started and others cancelled; the client may not be freed. */
#ifndef TANDEM_NODE_HTTP_CLIENT_H
#define TANDEM_NODE_HTTP_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum {
    HTTP_CLIENT_ERROR_MAX = 256,
    HTTP_CLIENT_REQUESTS_MAX = 32,     /* of one client at the same time */
    HTTP_CLIENT_ANSWER_MAX = 64 << 20, /* bytes of an answer, when the request names no limit */
    HTTP_CLIENT_CONNECT_MS = 3000,     /* when the configuration names none */
};

struct http_client_cfg {
    uv_loop_t *loop;
    const char *ca_file;              /* PEM; NULL: the certificates the system trusts */
    const char *cert_file, *key_file; /* PEM, our own; NULL: none */
    uint32_t connect_ms;              /* name, TCP and TLS together; 0 = HTTP_CLIENT_CONNECT_MS */
};

struct http_client;
struct http_request;

/* The strings are copied; files are read anew with every connection, so that a renewed certificate
 * counts without a restart. NULL: out of memory. */
struct http_client *http_client_new(const struct http_client_cfg *cfg);
/* Cancels what runs. The handles close in the loop: run it until it has none left. */
void http_client_free(struct http_client *c);

/* What became of a request. Only HTTP_ANSWERED has a status, and it may be any, 500 included. */
enum http_outcome {
    HTTP_ANSWERED,
    HTTP_UNREACHABLE, /* name, route, refused, reset */
    HTTP_UNTRUSTED,   /* TLS: certificate, name, protocol; or our own files unreadable */
    HTTP_TIMED_OUT,
    HTTP_TOO_LARGE,   /* the answer */
    HTTP_BROKEN,      /* not HTTP, or cut short */
    HTTP_OUTCOMES,
};
const char *http_outcome_name(enum http_outcome outcome); /* "answered", "unreachable" … */

struct http_answer {
    enum http_outcome outcome;
    uint16_t status;   /* 100 to 599, or 0 */
    bool was_sent;     /* bytes left: even without an answer the server may have done it */
    const char *error; /* "" when answered, else one line for the log */
    const char *body;  /* len bytes and a 0 behind; what on_data did not take */
    size_t len;
    const struct http_request *request; /* for http_answer_header */
};

/* The value of a header by name (any case), the last one if there are several; NULL: there is none.
 * Valid until on_done returns. */
const char *http_answer_header(const struct http_answer *a, const char *name);
/* Seconds that Retry-After asks to wait, 0 = nothing is said or the time has come. As a date it counts from
 * the answer's own Date, so that no clock has to agree with ours (RFC 9110 sections 5.6.7 and 10.2.3). */
uint32_t http_answer_retry_s(const struct http_answer *a);
/* The body as JSON, the caller's; duplicate keys are refused. NULL: none, and error says where. */
json_t *http_answer_json(const struct http_answer *a, char error[static HTTP_CLIENT_ERROR_MAX]);

struct http_call {
    const char *method;         /* "GET", "PUT" … */
    const char *url;
    const char *const *headers; /* "Name: value", ended by NULL; or NULL */
    const char *body;           /* NULL: none */
    size_t len;
    uint32_t timeout_ms;        /* for everything; 0 = none, for an answer that is a stream */
    size_t answer_max;          /* bytes; 0 = HTTP_CLIENT_ANSWER_MAX */
    /* Exactly once, unless cancelled. The request is gone when it returns. */
    void (*on_done)(void *data, const struct http_answer *a);
    /* For streams, or NULL: all bytes of the body that wait; returns how many it has dealt with. */
    size_t (*on_data)(void *data, const char *bytes, size_t len);
    void *data;
};

/* Everything in call is copied. NULL: out of memory, a malformed call, or too many requests. */
struct http_request *http_request_new(struct http_client *c, const struct http_call *call);
/* on_done does not come any more. Not on a request whose on_done has begun. */
void http_request_cancel(struct http_request *r);

#endif
