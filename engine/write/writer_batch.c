/*
 * A batch of rows, stored: one record of the log, then memory, then continuous queries.
 *
 * Why in this order: what feeds on a point may write others that need it, so it is told of rows
 * that are in the log and visible, never of rows that may yet be refused.
 */
#include <assert.h>

#include "engine/base/counters.h"
#include "engine/base/crash.h"
#include "engine/write/writer_inner.h"

/* A new number makes the copies of layouts that known_layouts remember those of another batch. */
static void batch_reset(struct writer *writer)
{
	writer->batch++;
	writer->now.row_count = writer->now.layout_count = writer->field_count = 0;
}

void engine_set_feed(struct engine *engine, engine_feed *feed, void *arg)
{
	engine->feed.arg = arg;
	engine->feed.each = feed;
}

/*
 * What continuous queries make of the batch. In the midst of a write it may take its time on a
 * second core: then `writer->now` is another batch, and none of the first is looked at again.
 */
static void feed(struct writer *writer, bool in_midst)
{
	struct engine *engine = writer->engine;
	struct stored stored = { .database_id = writer->group->database_id,
				 .policy_id = writer->group->policy_id,
				 .index = writer->index,
				 .rows = writer->now.rows,
				 .row_count = writer->now.row_count,
				 .layouts = writer->now.layouts,
				 .layout_count = writer->now.layout_count };

	if (!engine->feed.each || writer->options.feeds_nothing)
		return;
	if (in_midst && writer->is_fed && !writer->feeding)
		writer->feeding = feeding_open(engine);
	if (in_midst && writer->is_fed && writer->feeding) {
		feeding_give(writer->feeding, &stored, &writer->now);
		return;
	}
	if (writer->feeding)
		feeding_wait(writer->feeding);
	writer->is_fed = engine->feed.each(engine->feed.arg, &stored);
}

/* A window that fill() made lies where the wall clock is, however wrong that is. */
void writer_note_times(const struct writer *writer)
{
	if (!writer->options.is_derived)
		arrivals_note_times(writer->engine, writer->now.rows, writer->now.row_count);
}

/* Store the batch: all of it or nothing. */
static int store_rows(struct writer *writer, bool in_midst)
{
	struct wal_record record = { .arrival_ns = writer->arrival_ns,
				     .layouts = writer->now.layouts,
				     .layout_count = writer->now.layout_count,
				     .rows = writer->now.rows,
				     .row_count = writer->now.row_count,
				     .types_epoch = writer->types_epoch };
	uint64_t sequence;

	if (writer->now.row_count == 0)
		return OK;
	assert(gate_is_inside()); /* I10: an instant that is frozen has all of the call, or nothing
				   */
	int err = live_group_apply(writer->group, &record, &sequence);
	if (err == OK) {
		writer_note_times(writer);
		counter_add(COUNTER_POINTS_WRITTEN, writer->now.row_count);
		counter_add(COUNTER_VALUES_WRITTEN, writer->field_count);
		writer->stored_count++;
		crash_at(CRASH_WRITE_STORED);
		feed(writer, in_midst);
	}
	writer->lost |= err < 0;
	batch_reset(writer);
	return err;
}

int writer_store(struct writer *writer)
{
	return store_rows(writer, false);
}

int writer_store_in_midst(struct writer *writer)
{
	return store_rows(writer, true);
}
