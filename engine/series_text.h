/* What is known of a series in a group as text, kept with the group; series_text.c's own. */
#ifndef ENGINE_SERIES_TEXT_H
#define ENGINE_SERIES_TEXT_H

#include <stdint.h>

struct text_info;

/* Counted. */
void text_info_release(struct text_info *info);

#endif
