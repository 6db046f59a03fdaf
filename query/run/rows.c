/*
 * A plan runs: its subqueries, then its groups one after the other, or shared among the cores.
 *
 * Why subqueries first: to what is above them their rows are series, which groups are made of.
 */
#include "query/run/rows.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "query/base/crew.h"
#include "query/run/calls.h"
#include "query/run/groups.h"
#include "query/run/join.h"
#include "query/run/raw.h"
#include "query/run/share.h"

static int run_group(struct plan *plan, const struct group *group, struct run *run,
		     struct emitter *emitter)
{
	int err;

	emitter_begin(emitter, group->key);
	TRY(run_check(run));
	err = plan_is_raw(plan) ? rows_of_fields(plan, group, run, emitter)
				: rows_of_calls(plan, group, run, emitter);
	if (err >= 0 && emitter->has_begun)
		err = emitter->sink->end(emitter->sink->arg);
	return err;
}

/* --- several threads ---------------------------------------------------------------------- */

/* Groups of one round: their rows wait until all of them are there. */
#define ROUND_GROUPS	  128u
#define SHARED_GROUPS_MIN 8u

/* A group computed by whoever had time, and its rows. */
struct group_share {
	struct run run;
	struct diag diag;
	int err;
	struct arena arena; /* texts of cells */
	int64_t *times_ns;
	struct cell *cells;
	size_t row_count, capacity, column_count;
};

struct group_round {
	struct plan *plan;
	struct run *run;
	const struct group *groups;
	struct group_share *shares;
};

static int nothing(void *arg)
{
	return OK;
}

static int begin_nothing(void *arg, const struct series_key *key)
{
	return OK;
}

static int keep_row(void *arg, int64_t time_ns, const struct cell *columns)
{
	struct group_share *share = arg;
	struct cell *cells;

	if (share->row_count == share->capacity) {
		share->capacity = share->capacity ? share->capacity * 2 : 32;
		share->times_ns =
			reallocarray(share->times_ns, share->capacity, sizeof(*share->times_ns));
		share->cells = reallocarray(share->cells, share->capacity * share->column_count + 1,
					    sizeof(*share->cells));
		if (!share->times_ns || !share->cells)
			return ERR_MEMORY;
	}
	TRY(run_take_bytes(&share->run, sizeof(time_ns) + share->column_count * sizeof(*cells)));
	cells = share->cells + share->row_count * share->column_count;
	share->times_ns[share->row_count++] = time_ns;
	for (size_t i = 0; i < share->column_count; i++) {
		cells[i] = columns[i];
		if (cells[i].type == CELL_STRING)
			cells[i].s = arena_copy(&share->arena, columns[i].s);
	}
	return OK;
}

static void run_share(void *arg, size_t item)
{
	struct group_round *round = arg;
	struct group_share *share = &round->shares[item];
	struct row_sink sink = { begin_nothing, keep_row, nothing, share };
	struct emitter emitter;

	share->run = *round->run;
	share->run.diag = &share->diag;
	share->run.points = share->run.summaries = 0;
	share->run.chunks = (struct chunk_counts){ 0 };
	share->run.read_ns = 0;
	share->column_count = round->plan->column_count;
	share->err = emitter_init(&emitter, round->plan, &sink);
	if (share->err >= 0)
		share->err = run_group(round->plan, &round->groups[item], &share->run, &emitter);
	emitter_release(&emitter);
}

static int give_share(struct group_share *share, struct run *run, const struct run *before,
		      const struct group *group, const struct row_sink *sink)
{
	share->run.buckets -= before->buckets;
	TRY(run_join(run, &share->run, share->err));
	for (size_t i = 0; i < share->row_count; i++) {
		if (i == 0)
			TRY(sink->begin(sink->arg, group->key));
		TRY(sink->row(sink->arg, share->times_ns[i],
			      share->cells + i * share->column_count));
	}
	return share->row_count ? sink->end(sink->arg) : OK;
}

static void group_share_release(struct group_share *share)
{
	arena_release(&share->arena);
	free(share->times_ns);
	free(share->cells);
}

/* END: nobody has time, or all at once is too much. */
static int run_round(struct plan *plan, struct run *run, const struct group *groups, size_t count,
		     const struct row_sink *sink)
{
	struct group_round round = { plan, run, groups, calloc(count, sizeof(*round.shares)) };
	struct run before = *run;
	bool was_too_much = false;
	int err = OK;

	if (!round.shares)
		return ERR_MEMORY;
	if (!crew_run(count, run_share, &round))
		err = END;
	/* One thread needs less memory: it tells whether it is too much. */
	for (size_t i = 0; i < count; i++)
		was_too_much |= round.shares[i].err == ERR_LIMIT;
	err = was_too_much ? END : err;
	for (size_t i = 0; err == OK && i < count; i++)
		err = give_share(&round.shares[i], run, &before, &groups[i], sink);
	for (size_t i = 0; i < count; i++)
		group_share_release(&round.shares[i]);
	free(round.shares);
	if (was_too_much)
		memory_retry();
	return err;
}

/* --- all groups --------------------------------------------------------------------------- */

static void turn(struct groups *groups)
{
	for (size_t a = 0, b = groups->count; a + 1 < b; a++) {
		struct group group = groups->items[a];

		groups->items[a] = groups->items[--b];
		groups->items[b] = group;
	}
}

static int run_all(struct plan *plan, struct run *run, struct groups *groups,
		   struct emitter *emitter)
{
	bool shares =
		groups->count >= SHARED_GROUPS_MIN && !plan_is_raw(plan) && share_is_safe(plan);

	for (size_t at = 0, count; at < groups->count; at += count) {
		int err = END;

		count = groups->count - at < ROUND_GROUPS ? groups->count - at : ROUND_GROUPS;
		if (shares && count > 1)
			err = run_round(plan, run, &groups->items[at], count, emitter->sink);
		for (size_t i = 0; err == END && i < count; i++)
			TRY(run_group(plan, &groups->items[at + i], run, emitter));
		TRY(err);
	}
	return OK;
}

/* --- SLIMIT and SOFFSET -------------------------------------------------------------------- */

static int end_at_row(void *arg, int64_t time_ns, const struct cell *columns)
{
	return END;
}

/* Whether a group gives any row: it is read up to the first one. */
static int probe_group(struct plan *plan, const struct group *group, struct run *run,
		       bool *gives_rows)
{
	struct row_sink sink = { begin_nothing, end_at_row, nothing, NULL };
	struct emitter emitter;
	uint64_t buckets = run->buckets;
	int err = emitter_init(&emitter, plan, &sink);

	if (err >= 0)
		err = run_group(plan, group, run, &emitter);
	*gives_rows = emitter.has_begun;
	run->buckets = buckets; /* those that are shown are counted when they are */
	emitter_release(&emitter);
	return err;
}

/* Of the groups of one measurement, those that SOFFSET and SLIMIT leave: gives them to `kept`. */
static int choose_of_measurement(struct plan *plan, struct run *run, const struct group *groups,
				 size_t count, struct groups *kept)
{
	uint64_t first = (uint64_t)plan->stmt->soffset, seen = 0;
	uint64_t limit = plan->stmt->slimit ? (uint64_t)plan->stmt->slimit : UINT64_MAX - first;

	for (size_t i = 0; i < count && seen < first + limit; i++) {
		struct group group = groups[i];
		bool gives_rows;

		TRY(probe_group(plan, &group, run, &gives_rows));
		if (gives_rows && seen++ >= first)
			kept->items[kept->count++] = group;
	}
	return OK;
}

/*
 * SLIMIT and SOFFSET count the series of the answer, of each measurement: one of which no row is
 * there is none. They count by tags, also where the answer begins with the last one.
 */
static int choose_groups(struct plan *plan, struct run *run, struct groups *groups)
{
	size_t count = groups->count;

	if (plan->stmt->slimit == 0 && plan->stmt->soffset == 0)
		return OK;
	groups->count = 0;
	for (size_t first = 0, end; first < count; first = end) {
		for (end = first + 1; end < count && slice_equal(groups->items[first].key->name,
								 groups->items[end].key->name);)
			end++;
		TRY(choose_of_measurement(plan, run, groups->items + first, end - first, groups));
	}
	return OK;
}

static int run_groups(struct plan *plan, struct inner_result *const *inner, struct run *run,
		      const struct row_sink *sink)
{
	struct emitter emitter;
	struct groups groups = { 0 };
	int err = emitter_init(&emitter, plan, sink);

	if (err >= 0)
		err = groups_open(plan, inner, run, &groups);
	if (err >= 0)
		err = choose_groups(plan, run, &groups);
	if (plan->is_descending)
		turn(&groups);
	if (err >= 0)
		err = run_all(plan, run, &groups, &emitter);
	groups_close(&groups);
	emitter_release(&emitter);
	return err;
}

/* --- subqueries --------------------------------------------------------------------------- */

/* A subquery is a query: its rows are made by rows_run() again, and kept. */
static int run_subquery(struct plan *plan, struct run *run, struct inner_result **out)
{
	struct row_sink sink;

	TRY(inner_open(plan, run, out, &sink));
	TRY(rows_run(plan, run, &sink));
	inner_finish(*out);
	return OK;
}

static int run_sources(struct plan *plan, struct inner_result **inner, struct run *run,
		       const struct row_sink *sink)
{
	for (size_t i = 0; i < plan->source_count; i++)
		if (plan->sources[i].subquery)
			TRY(run_subquery(plan->sources[i].subquery, run, &inner[i]));
	return plan->join ? join_run(plan, inner, run, sink) : run_groups(plan, inner, run, sink);
}

int rows_run(struct plan *plan, struct run *run, const struct row_sink *sink)
{
	struct inner_result **inner;
	int err;

	if (plan->is_empty)
		return OK;
	inner = calloc(plan->source_count + 1, sizeof(struct inner_result *));
	if (!inner)
		return ERR_MEMORY;
	err = run_sources(plan, inner, run, sink);
	for (size_t i = 0; i < plan->source_count; i++)
		inner_close(inner[i]);
	free(inner);
	return err < 0 ? err : OK;
}
