/*
 * Line protocol on its way in: `write`, `.write`, a series file, a scratch file
 * that turned out to be a series of its own. A stream ties an ingest to one of
 * the engine's writers.
 */
#ifndef FS_POINTS_WRITE_H
#define FS_POINTS_WRITE_H

#include "fs/nodes/kind.h"

extern const struct kind_ops write_kind;

struct write_stream;

/* `text` as in place.h. For a series its key, and its number when it has one. */
int write_stream_open(struct mount *mount, const struct place *place, struct slice text,
		      struct write_stream **out);
int write_stream_write(struct write_stream *stream, struct slice data, uint64_t offset,
		       size_t *taken);
int write_stream_flush(struct write_stream *stream);
void write_stream_close(struct write_stream *stream);
/* The engine's options for a series in a group or a policy. */
int write_series_options(struct mount *mount, const struct place *place, struct slice key,
			 struct writer_options *out);

#endif
