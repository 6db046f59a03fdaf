/*
 * Why: the rows of a group's series in time order, without holding more of
 * each than a block.
 *
 *	series ─► heap of a shard group ─┐
 *	series ─► heap of a shard group ─┴─► heap of the sources ─► rows
 *
 * Heaps by the time of the next row. Rows of equal times come in the order in
 * which InfluxDB's heaps give them, and it has one in each shard: the steps of
 * the two are the same, down to who is swapped with whom (J. W. J. Williams,
 * 1964, as Go's container/heap has it).
 *
 * Of a subquery that selects a point a series, InfluxDB does not look at the
 * times of these: its series come one after the other.
 */
#include <assert.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "query/rows.h"

struct lane;

/* What heads are compared by stands in front, in one line of the cache. */
struct head {
	uint64_t time, rank; /* of the row; by the first `ranked_count` columns; less comes first */
	struct lane *lane;
	struct feed feed;
	struct block block;
	size_t row;
	bool has_row;
	size_t next, end; /* the lane's series that follow this one in its stream */
};

struct heap {
	struct head **items;
	size_t count;
};

/* The series of one source, in the order of rows. */
struct lane {
	const struct group_series **series;
	struct head *heads;
	size_t series_count, head_count;
	struct heap heap; /* of the heads that have a row in the shard group at hand */
};

/* Takes a row: OK, END to stop, or below 0. */
typedef int take_row(void *arg, const struct head *head);

struct merge {
	struct plan *plan;
	struct run *run;
	struct lane *lanes;
	size_t lane_count;
	struct heap heap;		    /* of the first heads of the lanes */
	const struct group_series **series; /* room for the lanes */
	struct head *heads;
	struct head **items;
	size_t *read; /* the slots of which a row has at least one */
	size_t read_count;
	size_t shown_count;  /* of these, what tells rows of equal times apart */
	size_t ranked_count; /* of these, tags: they tell all rows of two series apart alike */
	take_row *take;
	void *arg;
};

/* Of equal times, the row whose first columns (by name) are smaller, as far as they are strings. */
static bool is_smaller(const struct merge *merge, const struct head *a, const struct head *b)
{
	for (size_t i = merge->ranked_count; i < merge->shown_count; i++) {
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

static int64_t time_of(const struct head *head)
{
	return head->block.times_ns[head->row];
}

/* A number that orders as times do, or the other way round. */
static uint64_t time_key(const struct merge *merge, int64_t time_ns)
{
	uint64_t key = (uint64_t)time_ns ^ UINT64_C(1) << 63;

	return merge->plan->is_descending ? ~key : key;
}

/* The first test is foreseen, and of the second none jumps: of a heap either child may be first. */
static inline bool comes_first(const struct merge *merge, const struct head *x,
			       const struct head *y)
{
	if (x->time != y->time || x->rank != y->rank)
		return (x->time < y->time) | ((x->time == y->time) & (x->rank < y->rank));
	if (x->lane == y->lane && gives_calls(x))
		return x < y; /* they were merged in the order of series already */
	return is_smaller(merge, x, y);
}

/* --- heaps ---------------------------------------------------------------------------- */

static void swap(struct heap *heap, size_t a, size_t b)
{
	struct head *head = heap->items[a];

	heap->items[a] = heap->items[b];
	heap->items[b] = head;
}

static void sift_down(const struct merge *merge, struct heap *heap, size_t place)
{
	for (;;) {
		size_t child = place * 2 + 1;

		if (child >= heap->count)
			return;
		if (child + 1 < heap->count)
			child += comes_first(merge, heap->items[child + 1], heap->items[child]);
		if (!comes_first(merge, heap->items[child], heap->items[place]))
			return;
		swap(heap, place, child);
		place = child;
	}
}

static void heap_order(const struct merge *merge, struct heap *heap)
{
	for (size_t i = heap->count / 2; i-- > 0;)
		sift_down(merge, heap, i);
}

static struct head *heap_pop(const struct merge *merge, struct heap *heap)
{
	swap(heap, 0, --heap->count);
	sift_down(merge, heap, 0);
	return heap->items[heap->count];
}

static void heap_push(const struct merge *merge, struct heap *heap, struct head *head)
{
	size_t place = heap->count++;

	heap->items[place] = head;
	while (place > 0) {
		size_t parent = (place - 1) / 2;

		if (!comes_first(merge, heap->items[place], heap->items[parent]))
			return;
		swap(heap, place, parent);
		place = parent;
	}
}

/* --- the rows of a series -------------------------------------------------------------- */

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

static int open_series(const struct merge *merge, struct head *head, size_t place)
{
	const struct plan *plan = merge->plan;

	return feed_open(&head->feed, plan, head->lane->series[place], &plan->window,
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

/* To the next row of the head, if it has one. */
static int advance(const struct merge *merge, struct head *head, bool is_start)
{
	bool wants_block = is_start;

	for (;;) {
		if (!wants_block && ++head->row == head->block.row_count)
			wants_block = true;
		if (wants_block) {
			int err = next_block(merge, head);

			head->has_row = false;
			if (err != OK)
				return err < 0 ? err : OK;
			head->row = 0;
			wants_block = false;
		}
		head->has_row = has_value(merge, head);
		head->time = time_key(merge, time_of(head));
		if (head->has_row)
			return OK;
	}
}

/* --- lanes ------------------------------------------------------------------------------ */

static bool selects_points(const struct plan *plan)
{
	return plan->call_count == 1 && plan->calls[0]->function->is_selector &&
	       !window_is_given(&plan->window);
}

/* Where the stream that begins with this series ends. */
static size_t stream_end(const struct lane *lane, size_t place)
{
	const struct plan *subquery = lane->series[place]->source->subquery;

	return subquery && selects_points(subquery) ? lane->series_count : place + 1;
}

/* The heap of the next shard group, if there is one. */
static void enter_group(const struct merge *merge, struct lane *lane)
{
	const struct head *first = NULL;

	assert(lane->heap.count == 0);
	for (size_t i = 0; i < lane->head_count; i++) {
		const struct head *head = &lane->heads[i];

		if (head->has_row && (!first || head->time < first->time))
			first = head;
	}
	for (size_t i = 0; first && i < lane->head_count; i++)
		if (lane->heads[i].has_row &&
		    lane->heads[i].block.group_id == first->block.group_id)
			lane->heap.items[lane->heap.count++] = &lane->heads[i];
	heap_order(merge, &lane->heap);
}

static int open_lane(const struct merge *merge, struct lane *lane)
{
	for (size_t i = 0; i < lane->series_count; i = lane->heads[lane->head_count - 1].end) {
		struct head *head = &lane->heads[lane->head_count++];

		head->lane = lane;
		head->next = i + 1;
		head->end = stream_end(lane, i);
		TRY(open_series(merge, head, i));
		TRY(advance(merge, head, true));
	}
	return OK;
}

/* --- ranks ------------------------------------------------------------------------------ */

/*
 * Where the first columns are tags that all series have, series are compared by them once, not row
 * by row, and heaps compare two numbers: 864,000 rows of 100 series come at 222 MB/s of csv in
 * place of 147.
 */

/* A tag of a stored series. */
static bool is_constant(const struct head *head, size_t slot)
{
	const struct group_series *series = head->feed.series;

	return !series->inner && series->source->bounds[slot].kind == BOUND_TAG &&
	       head->feed.constants[slot].type == CELL_STRING;
}

static bool are_constant(const struct lane *lane, size_t slot)
{
	for (size_t i = 0; i < lane->head_count; i++)
		if (!is_constant(&lane->heads[i], slot))
			return false;
	return true;
}

static size_t count_constants(const struct merge *merge)
{
	for (size_t i = 0; i < merge->shown_count; i++)
		for (size_t k = 0; k < merge->lane_count; k++)
			if (!are_constant(&merge->lanes[k], merge->read[i]))
				return i;
	return merge->shown_count;
}

static int compare_constants(const void *a, const void *b, void *arg)
{
	const struct head *x = *(const struct head *const *)a, *y = *(const struct head *const *)b;
	const struct merge *merge = arg;
	int order = 0;

	for (size_t i = 0; i < merge->ranked_count && order == 0; i++) {
		size_t slot = merge->read[i];

		order = slice_compare(x->feed.constants[slot].s, y->feed.constants[slot].s);
	}
	return order;
}

static int rank_heads(struct merge *merge)
{
	struct head **heads;
	size_t count = 0;

	merge->ranked_count = count_constants(merge);
	for (size_t i = 0; i < merge->lane_count; i++)
		count += merge->lanes[i].head_count;
	heads = calloc(count + 1, sizeof(*heads));
	if (!heads)
		return ERR_MEMORY;
	count = 0;
	for (size_t i = 0; i < merge->lane_count; i++)
		for (size_t k = 0; k < merge->lanes[i].head_count; k++)
			heads[count++] = &merge->lanes[i].heads[k];
	qsort_r(heads, count, sizeof(struct head *), compare_constants, merge);
	for (size_t i = 1; i < count; i++)
		heads[i]->rank = heads[i - 1]->rank +
				 (compare_constants(&heads[i - 1], &heads[i], merge) != 0);
	for (size_t i = 0; merge->plan->is_descending && i < count; i++)
		heads[i]->rank = ~heads[i]->rank;
	free(heads);
	return OK;
}

/* Behind the first row of the lane. */
static int pass_row(const struct merge *merge, struct lane *lane)
{
	struct head *head = heap_pop(merge, &lane->heap);
	uint32_t group_id = head->block.group_id;

	TRY(advance(merge, head, false));
	if (head->has_row && head->block.group_id == group_id)
		heap_push(merge, &lane->heap, head);
	else if (lane->heap.count == 0)
		enter_group(merge, lane);
	return OK;
}

static int compare_series(const void *a, const void *b, void *arg)
{
	const struct group_series *x = *(const struct group_series *const *)a;
	const struct group_series *y = *(const struct group_series *const *)b;
	const struct plan *plan = arg;

	if (x->source->place != y->source->place)
		return x->source->place < y->source->place ? -1 : 1;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return (x < y) != plan->is_descending ? -1 : 1;
}

/* The group's series as lanes, in the order of FROM. */
static void split_group(struct merge *merge, const struct group *group)
{
	struct lane *lane = NULL;

	for (size_t i = 0; i < group->series_count; i++)
		merge->series[i] = &group->series[i];
	qsort_r(merge->series, group->series_count, sizeof(*merge->series), compare_series,
		merge->plan);
	for (size_t i = 0; i < group->series_count; i++) {
		if (!lane || lane->series[0]->source != merge->series[i]->source) {
			lane = &merge->lanes[merge->lane_count++];
			lane->series = &merge->series[i];
			lane->heads = &merge->heads[i];
			lane->heap.items = &merge->items[i];
		}
		lane->series_count++;
	}
}

static int open_lanes(struct merge *merge)
{
	for (size_t i = 0; i < merge->lane_count; i++)
		TRY(open_lane(merge, &merge->lanes[i]));
	TRY(rank_heads(merge));
	for (size_t i = 0; i < merge->lane_count; i++) {
		struct lane *lane = &merge->lanes[i];

		enter_group(merge, lane);
		if (lane->heap.count)
			merge->heap.items[merge->heap.count++] = lane->heap.items[0];
	}
	heap_order(merge, &merge->heap);
	return OK;
}

static int merge_rows(struct merge *merge)
{
	while (merge->heap.count) {
		struct head *head = merge->heap.items[0];
		struct lane *lane = head->lane;
		int err = merge->take(merge->arg, head);

		if (err != OK)
			return err;
		heap_pop(merge, &merge->heap);
		TRY(pass_row(merge, lane));
		if (lane->heap.count)
			heap_push(merge, &merge->heap, lane->heap.items[0]);
	}
	return OK;
}

static int merge_group(struct merge *merge, const struct group *group)
{
	size_t count = group->series_count;
	int err = ERR_MEMORY;

	merge->lanes = calloc(count, sizeof(*merge->lanes));
	merge->series = calloc(count, sizeof(*merge->series));
	merge->heads = calloc(count, sizeof(*merge->heads));
	merge->items = calloc(count * 2, sizeof(*merge->items));
	if (merge->lanes && merge->series && merge->heads && merge->items) {
		merge->heap.items = merge->items + count;
		split_group(merge, group);
		err = open_lanes(merge);
	}
	if (err >= 0)
		err = merge_rows(merge);
	for (size_t i = 0; merge->heads && i < count; i++)
		feed_close(&merge->heads[i].feed);
	free(merge->lanes);
	free(merge->series);
	free(merge->heads);
	free(merge->items);
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
	return emit_row(rows->emitter, time_of(head), rows->cells, NULL);
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
	struct point point = { .time_ns = time_of(head) };

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
