/* A series as the text of its file. */
#ifndef ENGINE_READ_SERIES_TEXT_H
#define ENGINE_READ_SERIES_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"

struct engine;

struct series_stat {
	uint64_t text_bytes; /* exact length of the series as text */
	uint64_t points;     /* rows */
	uint64_t disk_bytes; /* about, at least 1 when there is a point */
	int64_t time_first_ns, time_last_ns;
	int64_t mtime_ns, ctime_ns;
	uint64_t version; /* changes with the content */
};
/* group_id 0 = over all groups of the policy. ERR_NOT_FOUND: it has no point there. */
int engine_series_stat(struct engine *engine, uint32_t policy_id, uint32_t group_id,
		       uint32_t series_id, struct series_stat *out);

/*
 * A series as complete line protocol lines in time order, one per timestamp,
 * fields in name order: a snapshot that may only grow at its end. Any offset
 * can be read, by several threads.
 */
struct series_text;
int series_text_open(struct engine *engine, uint32_t policy_id, uint32_t group_id,
		     uint32_t series_id, struct series_text **out);
void series_text_close(struct series_text *text);
uint64_t series_text_bytes(struct series_text *text);
uint64_t series_text_version(struct series_text *text);
/* Appends up to `length` bytes from `offset` to `out`; fewer only at the end. ERR_CORRUPT, ERR_IO.
 */
int series_text_read(struct series_text *text, uint64_t offset, size_t length, struct buf *out);
/*
 * If the series only gained points after the last one here, take them in; else
 * stay, from then on for good. Never shrinks.
 */
int series_text_grow(struct series_text *text);

#endif
