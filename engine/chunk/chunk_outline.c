/*
 * What is known of a chunk without its rows: counts, extremes and sums, of all of it and of cells.
 *
 * Why: a query over months asks each chunk for one number a window. Where a window spans cells or
 * the whole chunk, no row has to be unpacked for that number.
 */
#include "engine/chunk/chunk_inner.h"
#include "engine/chunk/row_times.h"
#include "engine/codec/access.h"

/* Wider cells than those wished for are as good as none. */
int chunk_laying_open(struct decoding *d, int64_t width_max_ns, struct arena *arena,
		      struct laying *out)
{
	struct reader in = reader_of(d->times);
	struct time_step step;

	*out = (struct laying){ 0 };
	if (!(d->flags & FLAG_CELLS))
		return OK;
	TRY(part_check(d->laying, &d->laying_part, d));
	TRY(time_step_read(&in, &step));
	TRY(laying_decode(d->laying, &step, d->row_count, arena, out));
	if ((int64_t)out->width_s * 1000000000 > width_max_ns)
		out->count = 0;
	return OK;
}

/* False: the cells need none, or nobody needs what they name. ERR_CORRUPT. */
static int cells_access(struct decoding *d, const struct column_place *place, bool sums_only,
			struct access *access)
{
	uint8_t kind = place->part.kind;

	if (sums_only || !cells_name_rows(place->cells, kind & KIND_TYPE))
		return false;
	TRY(access_open(place->payload, kind >> KIND_FORM_SHIFT, d->row_count, access));
	return true;
}

int chunk_column_outline(struct decoding *d, const struct column_place *place, bool sums_only,
			 struct arena *arena, const struct chunk_outline *outline,
			 struct outline_column *out)
{
	struct summary *cells = NULL;
	struct access access;

	*out = (struct outline_column){ .type = place->part.kind & KIND_TYPE,
					.summary = place->part.summary };
	if (!place->cells.length || outline->laying.count == 0)
		return OK;
	TRY(part_check(place->cells, &place->part.cells, d));
	int needs = cells_access(d, place, sums_only, &access);
	TRY(needs);
	TRY(cells_decode(place->cells, out->type, &outline->laying, needs ? &access : NULL, arena,
			 &cells));
	out->cells = cells;
	out->summary = cells_join(cells, outline->laying.count, out->type);
	return OK;
}

int chunk_outline(struct slice chunk, const struct outline_wish *wish, struct arena *arena,
		  struct chunk_outline *out)
{
	struct decoding d;

	TRY(chunk_head_open(chunk, &d));
	*out = (struct chunk_outline){
		.series_id = d.series_id,
		.row_count = d.row_count,
		.is_cold = d.flags & FLAG_COLD,
		.columns = arena_alloc(arena, wish->field_count * sizeof(*out->columns) + 1)
	};
	if (!out->columns)
		return ERR_MEMORY;
	TRY(chunk_laying_open(&d, wish->width_max_ns, arena, &out->laying));
	for (size_t i = 0; i < d.column_count; i++) {
		struct column_place place;

		TRY(chunk_column_next(&d, &place));
		for (size_t asked = 0; asked < wish->field_count; asked++)
			if (wish->field_ids[asked] == place.part.field_id)
				TRY(chunk_column_outline(&d, &place, wish->sums_only, arena, out,
							 &out->columns[asked]));
	}
	return OK;
}
