/* Durations as people of this field write them: "02:14:09", from a day on "3d04h". */
#ifndef TANDEM_NODE_DURATION_H
#define TANDEM_NODE_DURATION_H

enum { DURATION_TEXT = 24 };

/* Returns buf. Negative counts as 0. */
const char *duration_text(double seconds, char buf[static DURATION_TEXT]);

#endif
