/*
 * Why: the rows of a group's series in time order, without holding more of
 * each than a block.
 *
 * A heap of the series by the time of their next row. Rows of equal times come
 * in the order in which InfluxDB's heap gives them: the steps of the two are
 * the same, down to who is swapped with whom (J. W. J. Williams, 1964, as Go's
 * container/heap has it).
 *
 * Of a subquery that selects a point a series, InfluxDB does not look at the
 * times of these: its series come one after the other.
 */
#include <stdlib.h>

#include "engine/base/log.h"
#include "query/rows.h"

struct head {
	struct feed feed;
	struct block block;
	size_t row;
	const struct group *group;
	size_t next, end; /* the series that follow this one in its stream, in the order of rows */
};

/* Takes a row: OK, END to stop, or below 0. */
typedef int take_row(void *arg, const struct head *head);

struct merge {
	struct plan *plan;
	struct run *run;
	struct head *heads;
	struct head **heap; /* a binary heap of those that have a row */
	size_t count;
	size_t *read; /* the slots of which a row has at least one */
	size_t read_count;
	size_t shown_count; /* of these, what tells rows of equal times apart */
	take_row *take;
	void *arg;
};

/* Of equal times, the row whose first columns (by name) are smaller, as far as they are strings. */
static bool is_smaller(const struct merge *merge, const struct head *a, const struct head *b)
{
	for (size_t i = 0; i < merge->shown_count; i++) {
		struct cell x = feed_cell(&a->feed, &a->block, merge->read[i], a->row);
		struct cell y = feed_cell(&b->feed, &b->block, merge->read[i], b->row);
		int order;

		if (x.type != CELL_STRING || y.type != CELL_STRING)
			return false;
		order = slice_compare(x.s, y.s);
		if (order)
			return merge->plan->is_descending ? order > 0 : order < 0;
	}
	return false;
}

static bool gives_calls(const struct head *head)
{
	const struct plan *plan = head->feed.series->source->subquery;

	return plan && !plan_is_raw(plan);
}

static bool comes_first(const struct merge *merge, size_t a, size_t b)
{
	const struct head *x = merge->heap[a], *y = merge->heap[b];
	int64_t x_time = x->block.times_ns[x->row], y_time = y->block.times_ns[y->row];

	if (x_time != y_time)
		return merge->plan->is_descending ? x_time > y_time : x_time < y_time;
	if (x->feed.series->source == y->feed.series->source && gives_calls(x))
		return x < y; /* they were merged in the order of series already */
	return is_smaller(merge, x, y);
}

static void swap(struct merge *merge, size_t a, size_t b)
{
	struct head *head = merge->heap[a];

	merge->heap[a] = merge->heap[b];
	merge->heap[b] = head;
}

static void sift_down(struct merge *merge, size_t place, size_t count)
{
	for (;;) {
		size_t child = place * 2 + 1;

		if (child >= count)
			return;
		if (child + 1 < count && comes_first(merge, child + 1, child))
			child++;
		if (!comes_first(merge, child, place))
			return;
		swap(merge, place, child);
		place = child;
	}
}

static void sift_up(struct merge *merge, size_t place)
{
	while (place > 0) {
		size_t parent = (place - 1) / 2;

		if (!comes_first(merge, place, parent))
			return;
		swap(merge, place, parent);
		place = parent;
	}
}

/* A row is there when a field that was asked for has a value; a subquery's always is. */
static bool has_value(const struct merge *merge, const struct head *head)
{
	for (size_t i = 0; i < merge->read_count; i++) {
		const struct batch_column *column = &head->block.columns[merge->read[i]];

		if (column->type != VALUE_NONE && column_has(column, head->row))
			return true;
	}
	return head->feed.series->inner && merge->shown_count;
}

static const struct group_series *series_at(const struct merge *merge, const struct group *group,
					    size_t place)
{
	return &group->series[merge->plan->is_descending ? group->series_count - 1 - place : place];
}

static int open_series(const struct merge *merge, struct head *head, size_t place)
{
	const struct plan *plan = merge->plan;

	return feed_open(&head->feed, plan, series_at(merge, head->group, place), &plan->window,
			 plan->is_descending, merge->run);
}

/* The next block of the stream, or END. */
static int next_block(const struct merge *merge, struct head *head)
{
	int err = feed_next(&head->feed, &head->block);

	while (err == END && head->next < head->end) {
		feed_close(&head->feed);
		TRY(open_series(merge, head, head->next++));
		err = feed_next(&head->feed, &head->block);
	}
	return err;
}

/* The next row of the head, or END. */
static int advance(const struct merge *merge, struct head *head, bool is_start)
{
	bool wants_block = is_start;

	for (;;) {
		if (!wants_block && ++head->row == head->block.row_count)
			wants_block = true;
		if (wants_block) {
			int err = next_block(merge, head);

			if (err != OK)
				return err;
			head->row = 0;
			wants_block = false;
		}
		if (has_value(merge, head))
			return OK;
	}
}

static int merge_rows(struct merge *merge)
{
	while (merge->count) {
		struct head *head = merge->heap[0];
		int err = merge->take(merge->arg, head);

		if (err != OK)
			return err;
		swap(merge, 0, --merge->count);
		sift_down(merge, 0, merge->count);
		err = advance(merge, head, false);
		if (err < 0)
			return err;
		if (err == OK)
			sift_up(merge, merge->count++);
	}
	return OK;
}

static bool selects_points(const struct plan *plan)
{
	return plan->call_count == 1 && plan->calls[0]->function->is_selector &&
	       !window_is_given(&plan->window);
}

/* Where the stream that begins with this series ends. */
static size_t stream_end(const struct merge *merge, const struct group *group, size_t place)
{
	const struct plan_source *source = series_at(merge, group, place)->source;

	place++;
	while (source->subquery && selects_points(source->subquery) &&
	       place < group->series_count && series_at(merge, group, place)->source == source)
		place++;
	return place;
}

static int open_heads(struct merge *merge, const struct group *group)
{
	for (size_t i = 0; i < group->series_count; i = merge->heads[i].end) {
		struct head *head = &merge->heads[i];
		int err;

		head->group = group;
		head->next = i + 1;
		head->end = stream_end(merge, group, i);
		TRY(open_series(merge, head, i));
		err = advance(merge, head, true);
		if (err < 0)
			return err;
		if (err == OK)
			merge->heap[merge->count++] = head;
	}
	for (size_t i = merge->count / 2; i-- > 0;)
		sift_down(merge, i, merge->count);
	return OK;
}

static int merge_group(struct merge *merge, const struct group *group)
{
	int err = ERR_MEMORY;

	merge->heads = calloc(group->series_count, sizeof(*merge->heads));
	merge->heap = calloc(group->series_count, sizeof(struct head *));
	if (merge->heads && merge->heap)
		err = open_heads(merge, group);
	if (err >= 0)
		err = merge_rows(merge);
	for (size_t i = 0; merge->heads && i < group->series_count; i++)
		feed_close(&merge->heads[i].feed);
	free(merge->heads);
	free(merge->heap);
	return err;
}

/* --- rows of fields ------------------------------------------------------------------- */

struct field_rows {
	const struct merge *merge;
	struct emitter *emitter;
	struct cell *cells;
};

static int take_fields(void *arg, const struct head *head)
{
	struct field_rows *rows = arg;

	for (size_t i = 0; i < rows->merge->read_count; i++) {
		size_t slot = rows->merge->read[i];

		rows->cells[slot] = feed_cell(&head->feed, &head->block, slot, head->row);
	}
	return emit_row(rows->emitter, head->block.times_ns[head->row], rows->cells, NULL);
}

static int compare_names(const void *a, const void *b, void *arg)
{
	const struct plan_slot *slots = arg;

	return slice_compare(slots[*(const size_t *)a].name, slots[*(const size_t *)b].name);
}

static void list_selected(struct merge *merge)
{
	const struct plan *plan = merge->plan;

	for (size_t slot = 0; slot < plan->slot_count; slot++)
		if (plan->slots[slot].is_selected)
			merge->read[merge->read_count++] = slot;
	qsort_r(merge->read, merge->read_count, sizeof(*merge->read), compare_names, plan->slots);
	merge->shown_count = merge->read_count;
}

int rows_of_fields(struct plan *plan, const struct group *group, struct run *run,
		   struct emitter *emitter)
{
	struct merge merge = { .plan = plan, .run = run, .take = take_fields };
	struct field_rows rows = { .merge = &merge, .emitter = emitter };
	int err = ERR_MEMORY;

	merge.arg = &rows;
	merge.read = calloc(plan->slot_count + 1, sizeof(*merge.read));
	rows.cells = calloc(plan->slot_count + 1, sizeof(*rows.cells));
	if (merge.read && rows.cells) {
		list_selected(&merge);
		err = merge_group(&merge, group);
	}
	free(merge.read);
	free(rows.cells);
	return err;
}

/* --- the values of one column ------------------------------------------------------------ */

struct column_points {
	struct run *run;
	struct arena *arena;
	struct points *out;
	size_t slot;
};

static int take_point(void *arg, const struct head *head)
{
	struct column_points *points = arg;
	struct point point = { .time_ns = head->block.times_ns[head->row] };

	point.value = feed_cell(&head->feed, &head->block, points->slot, head->row);
	TRY(run_take_bytes(points->run, sizeof(point)));
	if (point.value.type == CELL_STRING) {
		TRY(run_take_bytes(points->run, point.value.s.length + 1));
		point.value.s = arena_copy(points->arena, point.value.s);
	}
	points_add(points->out, point);
	return OK;
}

int raw_points(struct plan *plan, const struct group *group, struct run *run,
	       const struct plan_call *call, struct arena *arena, struct points *out)
{
	struct column_points points = { run, arena, out, (size_t)call->slot };
	size_t slot = (size_t)call->slot;
	struct merge merge = { .plan = plan,
			       .run = run,
			       .read = &slot,
			       .read_count = 1,
			       .take = take_point,
			       .arg = &points };
	int err = merge_group(&merge, group);

	return err < 0 ? err : OK;
}
