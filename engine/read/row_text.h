/*
 * The rows of a series as lines of line protocol, and their length without
 * the lines. Both know the same spelling: what is measured when rows are stored
 * is what is printed when they are read.
 *
 *	cpu,host=a usage=0.5,users=3i 1451606400000000000
 *	'-- key --'|'- fields, in the order of their names -'
 */
#ifndef ENGINE_READ_ROW_TEXT_H
#define ENGINE_READ_ROW_TEXT_H

#include "engine/base/buf.h"
#include "engine/chunk/chunk.h"
#include "engine/memory/memtable.h"
#include "engine/names/index.h"

/* Zeroed it is for no series yet. It knows the fields that the measurement had when it was set. */
struct row_text {
	struct buf key;	  /* and a space */
	struct buf names; /* of the fields, `,name=` each, escaped, in name order */
	struct row_name {
		uint32_t field_id;
		uint32_t at, length; /* in `names` */
	} * fields;		     /* in name order */
	uint32_t *by_id;	     /* field id -> index in `fields` */
	uint32_t field_count, measurement_id;
	struct index *index;	      /* numbers of measurements are of one index */
	uint32_t *field_ids;	      /* in name order, for a scan */
	struct batch_column *columns; /* one a field: of an accepted row */
};

/* For another series, or the same with the fields of now; cheap within a measurement. */
void row_text_set(struct row_text *text, struct index *index, uint32_t series_id);
void row_text_release(struct row_text *text);

/* Append the line of a row; a column for each of text->field_ids. */
void row_text_print(const struct row_text *text, int64_t time_ns,
		    const struct batch_column *columns, size_t row, struct buf *out);
/* The same of a row as it was accepted. Uses `text` for its work. */
void row_text_print_accepted(struct row_text *text, int64_t time_ns, const struct layout *layout,
			     const union value *values, struct buf *out);
/*
 * The length of all lines of some rows (times ascend, every row has a value);
 * the columns in any order.
 */
uint64_t row_text_bytes(const struct row_text *text, const int64_t *times_ns, size_t row_count,
			const struct chunk_write_column *columns, size_t column_count);
/* The same, with a column for each of text->field_ids. */
uint64_t row_text_slab_bytes(const struct row_text *text, const int64_t *times_ns, size_t row_count,
			     const struct batch_column *columns);

#endif
