/* The dashboard: the files of node/web, which the build puts into the program. */
#ifndef TANDEM_NODE_API_WEB_H
#define TANDEM_NODE_API_WEB_H

#include "node/api/routes.h"

struct web_file {
    const char *path; /* "/main.js" */
    const char *type;
    const unsigned char *bytes;
    size_t len;
};

/* Made by node/web/embed.cmake. */
extern const struct web_file web_files[];
extern const size_t web_file_count;

/* False: there is no such file, and *out is untouched. "/" is the page itself. */
bool web_answer(const char *path, struct api_reply *out);

#endif
