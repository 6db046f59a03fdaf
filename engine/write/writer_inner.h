/*
 * What the files of a writer share: the writer, and how it gets and stores a batch.
 *
 * Why: the loop over lines (writer.c) is one file, so that it is inlined. What happens once a batch
 * or once a group (writer_batch.c, writer_group.c) or for a whole series (series_replace.c) costs
 * nothing as a call. For nobody outside of the room.
 */
#ifndef ENGINE_WRITE_WRITER_INNER_H
#define ENGINE_WRITE_WRITER_INNER_H

#include "engine/memory/objects.h"
#include "engine/memory/state.h"
#include "engine/write/feeding.h"
#include "engine/write/layouts.h"
#include "engine/write/writer.h"

/* A line that was measured and whose series was looked for. */
struct ahead {
	size_t length; /* newline included */
	struct slice line;
	struct index_found found;
};

struct writer {
	struct engine *engine;
	struct writer_options options;
	char *series_key; /* options.series_key lies here */
	struct index *index;
	struct line_context lines;
	struct row_batch now;
	struct feeding *feeding; /* NULL until a batch was given to it */
	bool is_fed;		 /* a continuous query has copied the last batch */

	struct live_group *group; /* of the batch, or of the last line; may be NULL */
	uint64_t types_epoch;	  /* of the group, when the batch began */
	bool is_replacing;	  /* all is stored at once, by engine_series_replace() */

	struct layouts layouts;

	struct index_found own; /* WRITE_ONE_SERIES: the file's, when there is one */
	struct ahead ahead[INDEX_FIND_MAX];
	size_t ahead_count, ahead_next;

	uint32_t batch; /* counts batches, for known_layout */
	int64_t arrival_ns;
	size_t field_count;	/* values in the batch */
	uint64_t stored_count;	/* batches that are stored */
	bool lost;		/* a batch of this call could not be stored */
	int64_t time_oldest_ns; /* what the policy still takes */
};

/*
 * The group for a time, referenced. With `make`, it is made when it is not there; without,
 * `*out` is NULL then. ERR_RANGE: the policy does not keep points that old, or the file's group
 * has another window.
 */
int writer_find_group(struct writer *writer, int64_t time_ns, bool make, struct diag *diag,
		      struct live_group **out);
/* ERR_RANGE: older than the policy kept when the group was found. */
int writer_check_retention(const struct writer *writer, int64_t time_ns, struct diag *diag);

/*
 * Do the fields agree with the group? With `reserve`, those that are new there get their type.
 * `ids[i]` may be ID_NONE: a field that no point has yet. Of what was deleted no type is left.
 * Stores the batch when a type has to be looked for among rows. ERR_TYPE.
 */
int writer_check_types(struct writer *writer, struct live_group *group, uint32_t measurement_id,
		       const struct line *line, const uint32_t *ids, bool reserve,
		       struct diag *diag);

/* Store the batch: all of it or nothing. Below 0 its rows are lost. */
int writer_store(struct writer *writer);
/* The same in the midst of a call, which may go on while continuous queries look at the batch. */
int writer_store_in_midst(struct writer *writer);
/* Tell retention the times of the rows that were stored. */
void writer_note_times(const struct writer *writer);

/*
 * Every line of a text into one batch, stored by the caller. A bad line is told, nothing is stored.
 */
int writer_gather(struct writer *writer, struct slice text, struct diag *diag);

#endif
