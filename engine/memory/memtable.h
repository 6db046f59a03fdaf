/*
 * The memtable of a shard group: accepted rows that no shard has yet.
 *
 * Every series has its rows in the order of acceptance, in blocks that double
 * and never move; a block's rows have one layout:
 *
 *	block = { | time | value of field 0 | value of field 1 | ... | }   a row each
 *	      | { sequence - the block's first: 4 }                        likewise
 *
 * Sequences never fall, so that what a snapshot of sequence S sees is a number of
 * rows. A holder of the group's lock may add and capture; what was captured is
 * read without a lock, since it never moves.
 *
 * Masks are deletions: rows accepted at or before `sequence` in a closed range
 * of time are gone for readers whose snapshot is at or after `since`.
 */
#ifndef ENGINE_MEMORY_MEMTABLE_H
#define ENGINE_MEMORY_MEMTABLE_H

#include "engine/base/err.h"
#include "engine/point/row.h"

struct memtable;

/* Counted; the last release frees it. */
struct memtable *memtable_new(void);
struct memtable *memtable_ref(struct memtable *memtable);
void memtable_release(struct memtable *memtable);

/* --- under the group's lock ------------------------------------------------ */

/* Rows of one record; copies all of it. Memory failure ends the process, as buf does. */
void memtable_add(struct memtable *memtable, const struct memtable_row *rows, size_t row_count,
		  const struct layout *const *layouts, size_t layout_count, uint64_t sequence,
		  int64_t arrival_ns);
void memtable_add_mask(struct memtable *memtable, const struct mask *mask);
/*
 * What the last memtable_add met: series without a row in here before, and whether one came
 * back of which a mask had taken all. Borrowed until the next.
 */
struct memtable_met {
	const uint32_t *series_ids;
	size_t series_count;
	bool came_back;
};
struct memtable_met memtable_met(const struct memtable *memtable);
/* Has it rows of a series that no mask has taken whole, everywhere? */
bool memtable_lists(const struct memtable *memtable, uint32_t series_id);
/* Did a mask take all of a series, with nothing since? */
bool memtable_has_lost(const struct memtable *memtable, uint32_t series_id);
/* utimens of a series. */
void memtable_set_mtime(struct memtable *memtable, uint32_t series_id, int64_t mtime_ns,
			int64_t ctime_ns, uint64_t sequence);
bool memtable_is_empty(const struct memtable *memtable);
size_t memtable_bytes(const struct memtable *memtable);
size_t memtable_row_count(const struct memtable *memtable); /* of all series, masked rows too */

/* The series in it that have rows, mtimes or masks: ascending, free() the array. ERR_MEMORY. */
int memtable_series(const struct memtable *memtable, uint32_t **ids, size_t *count);

#define MTIME_NONE INT64_MIN /* any time can be set, 0 too */
struct memtable_info {
	size_t row_count;
	uint64_t sequence_last;		     /* that changed the series, 0 = none did */
	int64_t mtime_ns, ctime_ns;	     /* the latest; MTIME_NONE */
	int64_t time_first_ns, time_last_ns; /* bounds: of masked and later rows too */
};
/* What a snapshot of `sequence` sees. False: nothing of the series in here at any sequence. */
bool memtable_info(const struct memtable *memtable, uint32_t series_id, uint64_t sequence,
		   struct memtable_info *out);
/* Append the masks of a series that a snapshot of `sequence` obeys. */
struct masks {
	struct mask *items;
	size_t count, capacity;
};
void masks_add(struct masks *masks, const struct mask *mask);
void masks_release(struct masks *masks);
/* Does one of them hide a row? Called for each row of a series that has some. */
static inline bool masks_hide(const struct masks *masks, int64_t time_ns, uint64_t sequence)
{
	for (size_t i = 0; i < masks->count; i++) {
		const struct mask *mask = &masks->items[i];

		if (sequence <= mask->sequence && time_ns >= mask->time_first_ns &&
		    time_ns <= mask->time_last_ns)
			return true;
	}
	return false;
}
void memtable_masks(const struct memtable *memtable, uint32_t series_id, uint64_t sequence,
		    struct masks *out);

/*
 * Rows of a series accepted after `after` and at or before `sequence`, in the
 * order of acceptance. Zeroed = none. The memtable must stay referenced.
 */
struct row_block;
struct capture_part {
	const struct row_block *block;
	const struct layout *layout;
	uint32_t row_first, row_count;
};
struct capture {
	struct capture_part *parts;
	size_t part_count;
	size_t row_count;
	int64_t time_first_ns, time_last_ns;
	bool ascending; /* strictly, as they were accepted */
};
void memtable_capture(const struct memtable *memtable, uint32_t series_id, uint64_t after,
		      uint64_t sequence, struct capture *out);

/* --- without a lock ---------------------------------------------------------- */

void capture_release(struct capture *capture);

struct captured_row {
	int64_t time_ns;
	uint64_t sequence;
	const struct layout *layout; /* equal layouts of a memtable are one pointer */
	const union value *values;   /* layout->field_count */
};
/* Every row in the order of acceptance; `rows` has room for row_count. */
void capture_rows(const struct capture *capture, struct captured_row *rows);
/*
 * Those of a closed range of times alone, in the same order; gives how many. NULL: they are
 * counted.
 */
size_t capture_rows_within(const struct capture *capture, int64_t time_first_ns,
			   int64_t time_last_ns, struct captured_row *rows);
/* By time, equal times in their order; `spare` has room for as many. */
void captured_rows_sort(struct captured_row *rows, size_t count, struct captured_row *spare);

#endif
