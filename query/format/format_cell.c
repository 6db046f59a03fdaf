/*
 * A cell as text, the same for all formats that need no quotes.
 *
 * Why apart: the formats stand on it, and format.c has the table of formats: together they were a
 * circle.
 */
#include "query/format/format.h"

#include <assert.h>
#include <math.h>

#include "engine/base/number.h"
#include "engine/base/when.h"

bool cell_is_null(const struct cell *cell)
{
	return cell->type == CELL_NULL || (cell->type == CELL_FLOAT && !isfinite(cell->f));
}

size_t format_print_time(const struct format *format, char *out, int64_t time_ns)
{
	const struct result_series *series = &format->series;

	if (format_has_epoch(format))
		return integer_print(out, time_ns / format->options->epoch_unit_ns);
	if (series->utc_offset)
		return when_print_offset(out, time_ns, series->utc_offset(series->zone, time_ns));
	return when_print(out, time_ns);
}

void format_print_cell(const struct format *format, struct buf *out, const struct cell *cell)
{
	_Static_assert(FORMAT_TIME_BYTES_MAX >= WHEN_BYTES_MAX &&
			       FORMAT_TIME_BYTES_MAX >= FLOAT_BYTES_MAX &&
			       FORMAT_TIME_BYTES_MAX >= INTEGER_BYTES_MAX,
		       "room for any number");
	char *room = buf_reserve(out, FORMAT_TIME_BYTES_MAX);

	switch (cell->type) {
	case CELL_NULL: return;
	case CELL_TIME: out->length += format_print_time(format, room, cell->i); return;
	case CELL_FLOAT:
		if (isfinite(cell->f))
			out->length += float_print(room, cell->f);
		return;
	case CELL_INTEGER: out->length += integer_print(room, cell->i); return;
	case CELL_UNSIGNED: out->length += unsigned_print(room, cell->u); return;
	case CELL_STRING: buf_append_slice(out, cell->s); return;
	case CELL_BOOLEAN: buf_append_text(out, cell->b ? "true" : "false"); return;
	}
	assert(!"a cell type that is no type");
}
