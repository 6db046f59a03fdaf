/* The times of the rows of a chunk, as they lie in it: even ones are a first one and a step. */
#ifndef ENGINE_CHUNK_ROW_TIMES_H
#define ENGINE_CHUNK_ROW_TIMES_H

#include "engine/chunk/chunk.h"
#include "engine/codec/codec.h"

/* Is each time as far from the one before as the second from the first? */
bool times_are_even(const int64_t *times_ns, size_t count);
void row_times_encode(struct buf *out, const int64_t *times_ns, size_t count);

/* Of even ones none is written down. */
struct row_times {
	struct time_step step;
	int64_t *times_ns; /* NULL: even */
	size_t count;
};

/* What a payload of times begins with. ERR_CORRUPT. */
int time_step_read(struct reader *in, struct time_step *step);
/*
 * Times of a payload, in `arena` unless they are even; they strictly ascend. ERR_CORRUPT,
 * ERR_MEMORY.
 */
int row_times_open(struct slice payload, size_t row_count, struct arena *arena,
		   struct row_times *out);

/* In the header: windows are cut row by row, and a call would cost more than the addition. */
static inline int64_t row_time(const struct row_times *times, size_t row)
{
	return times->times_ns
		       ? times->times_ns[row]
		       : (int64_t)((uint64_t)times->step.first_ns + row * times->step.step_ns);
}

/* The first row that is not before `time_ns`; the count when all are. */
size_t row_times_find(const struct row_times *times, int64_t time_ns);
/* Rows of a closed range of times: [*first, *end). */
void row_times_between(const struct row_times *times, int64_t first_ns, int64_t last_ns,
		       size_t *first, size_t *end);
/* Times, and what is told of the whole chunk, of the rows of a range of vectors. ERR_MEMORY. */
int row_times_decode(struct row_times *times, struct vector_range range, struct chunk_data *out);

#endif
