/*
 * Why: the rows of a group's series in time order, without holding more of
 * each than a block.
 *
 * A heap of the series by the time of their next row. Rows of equal times come
 * in the order in which InfluxDB's heap gives them: the steps of the two are
 * the same, down to who is swapped with whom (J. W. J. Williams, 1964, as Go's
 * container/heap has it).
 */
#include <stdlib.h>

#include "engine/base/log.h"
#include "query/rows.h"

struct head {
	struct feed feed;
	struct block block;
	size_t row;
};

struct merge {
	struct plan *plan;
	struct emitter *emitter;
	struct head *heads;
	struct head **heap; /* a binary heap of those that have a row */
	size_t count;
	struct cell *cells;
	size_t *shown; /* the selected slots, by name */
	size_t shown_count;
};

/* Of equal times, the row whose first columns (by name) are smaller, as far as they are strings. */
static bool is_smaller(const struct merge *merge, const struct head *a, const struct head *b)
{
	for (size_t i = 0; i < merge->shown_count; i++) {
		struct cell x = feed_cell(&a->feed, &a->block, merge->shown[i], a->row);
		struct cell y = feed_cell(&b->feed, &b->block, merge->shown[i], b->row);
		int order;

		if (x.type != CELL_STRING || y.type != CELL_STRING)
			return false;
		order = slice_compare(x.s, y.s);
		if (order)
			return merge->plan->is_descending ? order > 0 : order < 0;
	}
	return false;
}

static bool comes_first(const struct merge *merge, size_t a, size_t b)
{
	const struct head *x = merge->heap[a], *y = merge->heap[b];
	int64_t x_time = x->block.times_ns[x->row], y_time = y->block.times_ns[y->row];

	if (x_time != y_time)
		return merge->plan->is_descending ? x_time > y_time : x_time < y_time;
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

/* A row is there when a field that was asked for has a value. */
static bool has_value(const struct plan *plan, const struct head *head)
{
	for (size_t slot = 0; slot < plan->slot_count; slot++) {
		const struct batch_column *column = &head->block.columns[slot];

		if (plan->slots[slot].is_selected && column->type != VALUE_NONE &&
		    column_has(column, head->row))
			return true;
	}
	return false;
}

/* The next row of the head, or END. */
static int advance(const struct plan *plan, struct head *head, bool is_start)
{
	bool wants_block = is_start;

	for (;;) {
		if (!wants_block && ++head->row == head->block.row_count)
			wants_block = true;
		if (wants_block) {
			int err = feed_next(&head->feed, &head->block);

			if (err != OK)
				return err;
			head->row = 0;
			wants_block = false;
		}
		if (has_value(plan, head))
			return OK;
	}
}

static void set_cells(struct merge *merge, const struct head *head)
{
	const struct plan *plan = merge->plan;

	for (size_t slot = 0; slot < plan->slot_count; slot++)
		if (plan->slots[slot].is_selected)
			merge->cells[slot] = feed_cell(&head->feed, &head->block, slot, head->row);
}

static int merge_rows(struct merge *merge)
{
	while (merge->count) {
		struct head *head = merge->heap[0];
		int err;

		set_cells(merge, head);
		err = emit_row(merge->emitter, head->block.times_ns[head->row], merge->cells, NULL);
		if (err != OK)
			return err;
		swap(merge, 0, --merge->count);
		sift_down(merge, 0, merge->count);
		err = advance(merge->plan, head, false);
		if (err < 0)
			return err;
		if (err == OK)
			sift_up(merge, merge->count++);
	}
	return OK;
}

static int compare_names(const void *a, const void *b, void *arg)
{
	const struct plan_slot *slots = arg;

	return slice_compare(slots[*(const size_t *)a].name, slots[*(const size_t *)b].name);
}

static void list_shown(struct merge *merge)
{
	const struct plan *plan = merge->plan;

	for (size_t slot = 0; slot < plan->slot_count; slot++)
		if (plan->slots[slot].is_selected)
			merge->shown[merge->shown_count++] = slot;
	qsort_r(merge->shown, merge->shown_count, sizeof(*merge->shown), compare_names,
		plan->slots);
}

static int open_heads(struct merge *merge, const struct group *group, struct run *run)
{
	const struct plan *plan = merge->plan;

	for (size_t i = 0; i < group->series_count; i++) {
		struct head *head = &merge->heads[i];
		size_t number = plan->is_descending ? group->series_count - 1 - i : i;
		int err;

		TRY(feed_open(&head->feed, plan, &group->series[number], &plan->window,
			      plan->is_descending, run));
		err = advance(plan, head, true);
		if (err < 0)
			return err;
		if (err == OK)
			merge->heap[merge->count++] = head;
	}
	for (size_t i = merge->count / 2; i-- > 0;)
		sift_down(merge, i, merge->count);
	return OK;
}

int rows_of_fields(struct plan *plan, const struct group *group, struct run *run,
		   struct emitter *emitter)
{
	struct merge merge = { .plan = plan, .emitter = emitter };
	int err = ERR_MEMORY;

	merge.heads = calloc(group->series_count, sizeof(*merge.heads));
	merge.heap = calloc(group->series_count, sizeof(struct head *));
	merge.cells = calloc(plan->slot_count + 1, sizeof(*merge.cells));
	merge.shown = calloc(plan->slot_count + 1, sizeof(*merge.shown));
	if (merge.heads && merge.heap && merge.cells && merge.shown) {
		list_shown(&merge);
		err = open_heads(&merge, group, run);
	}
	if (err >= 0)
		err = merge_rows(&merge);
	for (size_t i = 0; merge.heads && i < group->series_count; i++)
		feed_close(&merge.heads[i].feed);
	free(merge.heads);
	free(merge.heap);
	free(merge.cells);
	free(merge.shown);
	return err;
}
