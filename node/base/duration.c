#include "node/base/duration.h"

#include <stdio.h>

const char *duration_text(double seconds, char buf[static DURATION_TEXT])
{
    double kept = seconds < 0 ? 0 : seconds > 1e12 ? 1e12 : seconds;
    unsigned long long s = (unsigned long long)kept;
    if (s < 86400)
        snprintf(buf, DURATION_TEXT, "%02llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(buf, DURATION_TEXT, "%llud%02lluh", s / 86400, s / 3600 % 24);
    return buf;
}
