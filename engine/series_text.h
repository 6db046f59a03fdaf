/* What is known of a series in a group as text, kept with the group; series_text.c's own. */
#ifndef ENGINE_SERIES_TEXT_H
#define ENGINE_SERIES_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text_info;

/* Of all of them, in memory. */
size_t text_infos_bytes(void);
/* Counted. */
void text_info_release(struct text_info *info);

#endif
