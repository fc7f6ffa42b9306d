#include "node/api/web.h"

#include <string.h>

#include "node/api/reply.h"
#include "node/base/memory.h"

bool web_answer(const char *path, struct api_reply *out)
{
    const char *wanted = strcmp(path, "/") ? path : "/index.html";
    for (size_t i = 0; i < web_file_count; i++) {
        const struct web_file *f = &web_files[i];
        if (strcmp(f->path, wanted))
            continue;
        char *text = memory_new(f->len + 1, 1);
        memcpy(text, f->bytes, f->len);
        reply_text(out, 200, f->type, text, f->len);
        return true;
    }
    return false;
}
