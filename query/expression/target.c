/* Why: a name made by hand and one made by a continuous query must be the same. */
#include "query/expression/target.h"

#include "engine/base/number.h"
#include "query/language/print.h"

/* The length of the UTF-8 character at the start of `text`; 0 when there is none. */
static size_t character_length(struct slice text)
{
	unsigned char lead = (unsigned char)text.data[0];
	size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (lead > 0xf4 || length == 0 || length > text.length)
		return 0;
	for (size_t i = 1; i < length; i++)
		if (((unsigned char)text.data[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static void print_clean(struct buf *out, struct slice text)
{
	char *room = buf_reserve(out, text.length + 1), *p = room;

	while (text.length) {
		unsigned char byte = (unsigned char)text.data[0];
		size_t length = byte < 0x80 ? 1 : character_length(text);

		if (byte == '/' || byte == ' ')
			*p++ = byte == '/' ? '.' : '_';
		else if (byte >= 0x20 && byte != 0x7f)
			for (size_t i = 0; i < length; i++)
				*p++ = text.data[i];
		text = slice_from(text, length ? length : 1);
	}
	out->length += (size_t)(p - room);
}

void target_print_cell(struct buf *out, const struct cell *cell)
{
	char *room = buf_reserve(out, INTEGER_BYTES_MAX);

	switch (cell->type) {
	case CELL_FLOAT: print_decimal(out, cell->f, 0); return;
	case CELL_TIME:
	case CELL_INTEGER: out->length += integer_print(room, cell->i); return;
	case CELL_UNSIGNED: out->length += unsigned_print(room, cell->u); return;
	case CELL_STRING: print_clean(out, cell->s); return;
	case CELL_BOOLEAN: buf_append_text(out, cell->b ? "true" : "false"); return;
	case CELL_NULL: return;
	}
}

bool target_has_column(const struct target *target, struct slice column)
{
	for (size_t i = 0; i < target->part_count; i++)
		if (target->parts[i].kind == TARGET_COLUMN &&
		    slice_equal(target->parts[i].text, column))
			return true;
	return false;
}

bool target_print_name(struct buf *out, const struct target *target, const struct target_row *row)
{
	for (size_t i = 0; i < target->part_count; i++) {
		const struct target_part *part = &target->parts[i];
		size_t before = out->length;
		struct cell cell;

		switch (part->kind) {
		case TARGET_TEXT: buf_append_slice(out, part->text); continue;
		case TARGET_SERIES_NAME: buf_append_slice(out, row->series_name); continue;
		case TARGET_COLUMN: break;
		}
		cell = row->value(row->arg, i);
		target_print_cell(out, &cell);
		if (out->length == before)
			return false;
	}
	return true;
}
