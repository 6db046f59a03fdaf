/*
 * What the files of a scan share: the scan, its sources, and rows of one of them.
 *
 * Why: a scan finds its sources once (scan_sources.c), then goes through them in time order
 * (scan.c), and for each it either answers from what is known of a chunk (scan_outline.c) or has
 * rows decoded (segment.c). For nobody outside of the room.
 *
 *	scan_sources.c ─► clusters of sources ─► scan.c ─┬─► scan_outline.c ─► the taker
 *	                                                 └─► segment.c ─► a slab
 */
#ifndef ENGINE_READ_SCAN_INNER_H
#define ENGINE_READ_SCAN_INNER_H

#include "engine/memory/state.h"
#include "engine/read/scan.h"

struct source {
	int64_t time_first_ns, time_last_ns;
	size_t order;		 /* of acceptance */
	struct chunk_ref ref;	 /* a chunk, when */
	struct capture *capture; /* this is NULL */
};

/* Decoded rows of one source; times strictly ascend. Borrows the scan's arena or a chunk_data. */
struct segment {
	size_t row_count;
	int64_t *times_ns;
	struct batch_column *columns;
};

struct scan {
	struct scan_spec spec;
	struct shard_version *version; /* the view's */
	struct masks masks;
	struct capture captures[2];
	uint64_t chunk_count, decoded, summarized; /* of the series; of these */
	struct source *sources;			   /* by time */
	size_t source_count;
	size_t *clusters; /* the source each begins at, and source_count behind the last */
	size_t cluster_count;
	size_t cluster_next; /* counted from the end when descending */
	struct arena arena;
	struct chunk_data *data; /* one a source of the current cluster */
	size_t data_count;
	/* the cluster that is read in pieces */
	struct pieces {
		size_t first, end;		    /* its sources; equal: none is */
		int64_t first_ns, last_ns, step_ns; /* what is left, and how much of it in one go */
	} pieces;
	/* the chunk of which the last rows were given */
	const struct source *begun; /* NULL = none */
	int64_t begun_first_ns;	    /* from here on */
	/* the chunk that is read cell by cell */
	const struct source *walked; /* NULL = none */
	struct chunk_outline outline;
	size_t cell_next;
	bool was_decoded, was_taken; /* of it */
	struct arena outline_arena;
	struct column_summary *summaries; /* field_count */
};

static inline bool scan_in_range(const struct scan_spec *spec, int64_t first_ns, int64_t last_ns)
{
	return first_ns <= spec->time_last_ns && last_ns >= spec->time_first_ns;
}

/* Find the masks, captures, sources and clusters of a scan whose version is set. */
void scan_find_sources(struct scan *scan);

/*
 * Rows of a chunk within a closed range of times, without masked ones. `data` holds them and must
 * outlive the segment. At most `vectors_max` vectors are decoded; 0: any. ERR_CORRUPT, ERR_IO,
 * ERR_MEMORY.
 */
int segment_load_vectors(struct scan *scan, const struct source *source, int64_t first_ns,
			 int64_t last_ns, size_t vectors_max, struct chunk_data *data,
			 struct segment *out);
int segment_load(struct scan *scan, const struct source *source, int64_t first_ns, int64_t last_ns,
		 struct chunk_data *data, struct segment *out);
/* Rows of a memtable within a closed range; of one time the fields that were accepted last. */
int segment_load_capture(struct scan *scan, const struct source *source, int64_t first_ns,
			 int64_t last_ns, struct segment *out);
/* Take the rows of `newer` into `older`; where both have a field at a time, that of `newer` wins.
 */
void segment_merge(struct scan *scan, struct segment *older, const struct segment *newer);
void segment_drop_empty_rows(struct scan *scan, struct segment *segment);

bool outline_is_worth_a_look(const struct scan *scan, size_t first, size_t end);
/* 1: the chunk needs no more; else it is read, cell by cell if `walked` is set. */
int outline_open(struct scan *scan, const struct source *source);
/* Does the taker want to hear of these rows, and of all of them? */
bool outline_may_offer(const struct scan *scan, const struct cell_rows *rows);
/* `cell` SIZE_MAX: the whole chunk. 1 if the taker used the summary in place of the rows. */
int outline_offer(struct scan *scan, size_t cell, const struct cell_rows *rows);
/* Is no value of the cell within the bounds of the query? */
bool outline_is_out_of_bounds(const struct scan *scan, size_t cell);

/* Alone in its time, and does the taker want nothing but the sums of its rows? */
bool sums_may_be_offered(const struct scan *scan, size_t first, size_t end);
/* 1 if the taker used the sums of the chunk's rows in place of them. */
int sums_offer(struct scan *scan, const struct source *source);

#endif
