/*
 * Why: the rows of a group's series in time order, without holding more of
 * each than a block.
 *
 * A heap of the series by the time of their next row; of equal times the
 * series that comes first in the order of keys.
 */
#include <stdlib.h>

#include "engine/base/log.h"
#include "query/rows.h"

struct head {
	struct feed feed;
	struct block block;
	size_t row, number;
};

struct merge {
	struct plan *plan;
	struct emitter *emitter;
	struct head *heads;
	struct head **heap; /* a binary heap of those that have a row */
	size_t count;
	struct cell *cells;
};

static bool comes_first(const struct merge *merge, const struct head *a, const struct head *b)
{
	int64_t x = a->block.times_ns[a->row], y = b->block.times_ns[b->row];

	if (x != y)
		return merge->plan->is_descending ? x > y : x < y;
	return merge->plan->is_descending ? a->number > b->number : a->number < b->number;
}

static void sift_down(struct merge *merge, size_t place)
{
	for (;;) {
		size_t best = place;

		for (size_t child = place * 2 + 1; child <= place * 2 + 2; child++)
			if (child < merge->count &&
			    comes_first(merge, merge->heap[child], merge->heap[best]))
				best = child;
		if (best == place)
			return;
		struct head *moved = merge->heap[place];

		merge->heap[place] = merge->heap[best];
		merge->heap[best] = moved;
		place = best;
	}
}

/* The next row of the head, or END. */
static int advance(struct head *head, bool is_start)
{
	if (!is_start && ++head->row < head->block.row_count)
		return OK;
	head->row = 0;
	return feed_next(&head->feed, &head->block);
}

/* A row is there when a field that was asked for has a value. */
static bool set_cells(struct merge *merge, const struct head *head)
{
	const struct plan *plan = merge->plan;
	bool has_value = false;

	for (size_t slot = 0; slot < plan->slot_count; slot++) {
		if (!plan->slots[slot].is_selected)
			continue;
		merge->cells[slot] = feed_cell(&head->feed, &head->block, slot, head->row);
		has_value |= head->block.columns[slot].type != VALUE_NONE &&
			     !cell_is_nil(&merge->cells[slot]);
	}
	return has_value;
}

static int merge_rows(struct merge *merge)
{
	while (merge->count) {
		struct head *head = merge->heap[0];
		int err = OK;

		if (set_cells(merge, head))
			err = emit_row(merge->emitter, head->block.times_ns[head->row],
				       merge->cells);
		if (err != OK)
			return err;
		err = advance(head, false);
		if (err < 0)
			return err;
		if (err == END)
			merge->heap[0] = merge->heap[--merge->count];
		sift_down(merge, 0);
	}
	return OK;
}

static int open_heads(struct merge *merge, const struct group *group, struct run *run)
{
	const struct plan *plan = merge->plan;

	for (size_t i = 0; i < group->series_count; i++) {
		struct head *head = &merge->heads[i];
		int err;

		head->number = i;
		TRY(feed_open(&head->feed, plan, &group->series[i], &plan->window,
			      plan->is_descending, run));
		err = advance(head, true);
		if (err < 0)
			return err;
		if (err == OK)
			merge->heap[merge->count++] = head;
	}
	for (size_t i = merge->count; i-- > 0;)
		sift_down(merge, i);
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
	if (merge.heads && merge.heap && merge.cells)
		err = open_heads(&merge, group, run);
	if (err >= 0)
		err = merge_rows(&merge);
	for (size_t i = 0; merge.heads && i < group->series_count; i++)
		feed_close(&merge.heads[i].feed);
	free(merge.heads);
	free(merge.heap);
	free(merge.cells);
	return err;
}
