/*
 * A series whose points are replaced by those of a text, at once.
 *
 * Why one record holds both the mask and the rows: a reader, or a crash between the two, would find
 * a series without its points.
 */
#include <assert.h>

#include "engine/base/when.h"
#include "engine/upkeep/flush.h"
#include "engine/upkeep/room.h"
#include "engine/write/writer_inner.h"

/* The group and the series that are replaced, though not a line may be there for them. */
static int replace_target(struct writer *writer, struct mask *mask)
{
	if (!writer->group)
		TRY(live_group_get(writer->engine, writer->options.group_id, &writer->group));
	return index_series(writer->index, writer->options.series_key, false, &mask->series_id,
			    NULL);
}

static int replace_store(struct writer *writer, uint64_t cut)
{
	struct mask mask = { .time_first_ns = TIME_MIN_NS,
			     .time_last_ns = TIME_MAX_NS,
			     .sequence = cut };
	struct wal_record record = { .arrival_ns = writer->arrival_ns,
				     .masks = &mask,
				     .layouts = writer->now.layouts,
				     .layout_count = writer->now.layout_count,
				     .rows = writer->now.rows,
				     .row_count = writer->now.row_count,
				     .types_epoch = writer->types_epoch };
	uint64_t sequence;

	TRY(replace_target(writer, &mask));
	record.mask_count = cut > 0 && mask.series_id != ID_NONE;
	if (record.mask_count == 0 && record.row_count == 0)
		return OK;
	TRY(budget_wait(&writer->engine->budget));
	int err = live_group_apply(writer->group, &record, &sequence);
	if (err == OK)
		writer_note_times(writer);
	return err;
}

int engine_series_replace(struct engine *engine, const struct writer_options *options, uint64_t cut,
			  struct slice text, struct diag *diag)
{
	struct writer *writer;

	assert(options->group_id && options->scope == WRITE_ONE_SERIES);
	TRY(room_take(engine, text.length, diag));
	TRY(writer_open(engine, options, &writer));
	writer->arrival_ns = engine_arrival_ns(engine);
	writer->is_replacing = true;
	int err = writer_gather(writer, text, diag);
	if (err == OK)
		err = replace_store(writer, cut);
	if (err == ERR_SPACE && room_make(engine))
		err = replace_store(writer, cut);
	if (err == OK && engine->options.sync_writes)
		err = engine_sync(engine);
	writer->now.row_count = 0;
	writer_close(writer);
	return err;
}
