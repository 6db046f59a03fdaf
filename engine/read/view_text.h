/* A series as text in one view: its length, and where its rows begin. */
#ifndef ENGINE_READ_VIEW_TEXT_H
#define ENGINE_READ_VIEW_TEXT_H

#include "engine/memory/text_cache.h"
#include "engine/read/view.h"

/* A reader that skips rows formats at most so many bytes that it does not want. */
#define CHECKPOINT_BYTES (64u << 10)

/* What an open file saw before: its text, and the view to look at it once more. */
struct part {
	struct view view;
	struct text_info *info;
};

/*
 * What a series is as text in a view; referenced, the caller releases it. Without rows: points is
 * 0. `grown` tells whether it only gained rows behind those of `older` (may be NULL). ERR_CORRUPT,
 * ERR_IO, ERR_MEMORY.
 */
int view_text_info(struct view *view, uint32_t series_id, const struct view_info *seen,
		   struct part *older, struct text_info **out, bool *grown);

#endif
