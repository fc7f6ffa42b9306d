/* A configuration from a test's own lines, as if they stood in CONFIG_TEXT_PATH. */
#ifndef TANDEM_TESTS_LIB_CONFIG_TEXT_H
#define TANDEM_TESTS_LIB_CONFIG_TEXT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/config/config.h"
#include "tests/lib/cu.h"

#define CONFIG_TEXT_PATH "/tmp/tandem.yaml"

/* Nothing may be wrong with it. */
__attribute__((format(printf, 1, 2))) static inline struct config *config_of(const char *format, ...)
{
    va_list values;
    char *text;
    struct config *c = NULL;
    va_start(values, format);
    int len = vasprintf(&text, format, values);
    va_end(values);
    CU_ASSERT_TRUE_FATAL(len > 0 &&
                         config_load_text(CONFIG_TEXT_PATH, text, (size_t)len, &c, stdout));
    free(text);
    return c;
}

/* NULL where something is wrong; what is complained about is in `said`. */
static inline struct config *config_or_complaint(const char *text, size_t len, char *said,
                                                 size_t room)
{
    struct config *c;
    memset(said, 0, room);
    FILE *errors = fmemopen(said, room, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(errors);
    config_load_text(CONFIG_TEXT_PATH, text, len, &c, errors);
    fclose(errors);
    return c;
}

#endif
