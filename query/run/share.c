/*
 * A group's series read by several threads, and joined as if one had read them.
 *
 * Why in the order of one: sums of doubles depend on their order, and an answer must not depend on
 * who had time.
 */
#include "query/run/share.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "query/base/crew.h"
#include "query/run/aggregate_state.h"

/* Fewer are read before anybody else is awake. */
#define SHARED_SERIES_MIN 8u

/* Series of one round: what they gave waits until those before them were read. */
#define ROUND_SERIES 128u

/* One series, read by whoever had time. */
struct share {
	struct aggregate *aggregate;
	struct recording recording;
	struct run run;
	struct diag diag;
	int err;
	bool is_read;
};

/*
 * Whoever has read a series joins it and those behind it whose turn it is: what it gave is in the
 * cache still. Waiting for a round of 128, with ten calls and 144 windows, took a tenth of the
 * speed.
 */
struct round {
	const struct group_series *series;
	struct aggregate_spec spec;
	struct run run; /* as it was before */
	struct share *shares;
	size_t count;
	pthread_mutex_t lock;
	/* protected by lock */
	struct aggregate *whole;
	size_t joined;
	int err;
};

static void read_share(struct round *round, struct share *share, const struct group_series *series)
{
	struct aggregate_spec spec = round->spec;

	share->run = round->run;
	share->run.diag = &share->diag;
	share->run.points = share->run.buckets = share->run.summaries = 0;
	share->run.chunks = (struct chunk_counts){ 0 };
	share->run.read_ns = 0;
	spec.run = &share->run;
	share->err = aggregate_open(&spec, &share->aggregate);
	if (share->err < 0)
		return;
	/* Chosen once: it looks at all series. */
	share->aggregate->wants_first_only = round->whole->wants_first_only;
	share->aggregate->reads_backwards = round->whole->reads_backwards;
	share->err = aggregate_record(share->aggregate, &share->recording);
	if (share->err == OK)
		share->err = aggregate_take_series(share->aggregate, series);
}

static int join_recording(struct aggregate *aggregate, const struct recording *recording)
{
	size_t leaves = aggregate->spec.leaf_count;

	for (size_t i = 0; i < recording->count; i++) {
		TRY(aggregate_find_window(aggregate, recording->starts[i], &aggregate->bucket));
		aggregate_join_parts(aggregate, recording->parts + i * leaves);
	}
	return OK;
}

static int join_samples(struct aggregate *aggregate, const struct plan_call *call,
			struct samples *samples, const struct samples *more)
{
	if (call->wants_keys && more->count) {
		TRY(aggregate_reserve_keys(aggregate, samples, more->count));
		memcpy(samples->keys + samples->count - samples->tallied, more->keys,
		       more->count * sizeof(*more->keys));
		samples->count += more->count;
	}
	for (size_t i = 0; !call->wants_keys && i < more->count; i++)
		TRY(aggregate_add_sample(aggregate, samples, more->items[i]));
	return OK;
}

static int join_share(struct aggregate *aggregate, struct share *share)
{
	struct aggregate *part = share->aggregate;
	struct run *run = aggregate->spec.run;

	/* Its windows are counted where they are joined. */
	share->run.buckets = 0;
	TRY(run_join(run, &share->run, share->err));
	TRY(join_recording(aggregate, &share->recording));
	for (size_t window = 0; window < part->count; window++) {
		TRY(aggregate_find_window(aggregate, part->starts[window], &aggregate->bucket));
		for (size_t i = 0; i < aggregate->spec.leaf_count; i++)
			if (aggregate->spec.leaves[i]->function->shape == SHAPE_COLLECT)
				TRY(join_samples(
					aggregate, aggregate->spec.leaves[i],
					&aggregate_state_of(aggregate, aggregate->bucket, i)
						 ->samples,
					&aggregate_state_of(part, window, i)->samples));
	}
	return OK;
}

static void share_release(struct share *share)
{
	aggregate_close(share->aggregate);
	free(share->recording.starts);
	free(share->recording.parts);
}

/* All that are read and whose turn it is, with the lock held. */
static void join_ready(struct round *round)
{
	while (round->err == OK && round->joined < round->count &&
	       round->shares[round->joined].is_read) {
		struct share *share = &round->shares[round->joined];

		round->err = join_share(round->whole, share);
		round->whole->bucket = SIZE_MAX;
		share_release(share);
		*share = (struct share){ 0 };
		round->joined++;
	}
}

static void take_share(void *arg, size_t item)
{
	struct round *round = arg;
	struct share *share = &round->shares[item];
	int err;

	pthread_mutex_lock(&round->lock);
	err = round->err;
	pthread_mutex_unlock(&round->lock);
	if (err != OK)
		return;
	read_share(round, share, &round->series[item]);
	pthread_mutex_lock(&round->lock);
	share->is_read = true;
	join_ready(round);
	pthread_mutex_unlock(&round->lock);
}

/* END: nobody has time. ERR_LIMIT: one thread needs less memory, and tells whether it is too much.
 */
static int take_round(struct aggregate *aggregate, const struct group_series *series, size_t count)
{
	struct round round = { .series = series,
			       .spec = aggregate->spec,
			       .run = *aggregate->spec.run,
			       .shares = calloc(count, sizeof(*round.shares)),
			       .count = count,
			       .lock = PTHREAD_MUTEX_INITIALIZER,
			       .whole = aggregate };

	if (!round.shares)
		return ERR_MEMORY;
	if (!crew_run(count, take_share, &round))
		round.err = END;
	for (size_t i = 0; i < count; i++)
		share_release(&round.shares[i]);
	pthread_mutex_destroy(&round.lock);
	free(round.shares);
	return round.err;
}

static bool find_regex(void *arg, struct expr *expr)
{
	bool *found = arg;

	*found |= expr->kind == EXPR_REGEX;
	return !*found;
}

bool share_is_safe(const struct plan *plan)
{
	bool found = false;

	for (size_t i = 0; i < plan->source_count; i++)
		if (plan->sources[i].subquery)
			return false;
	/* What is kept of a row lies in one arena. */
	for (size_t i = 0; i < plan->leaf_count; i++)
		if (plan->leaves[i]->type == DATA_STRING || plan->leaves[i]->type == DATA_TAG)
			return false;
	if (plan->has_aux || plan->top_name.length)
		return false;
	/* A compiled pattern has room for one match. */
	for (size_t i = 0; i < plan->conjunct_count; i++)
		expr_walk(plan->conjuncts[i], find_regex, &found);
	return !found;
}

/* --- all series ---------------------------------------------------------------------------- */

static bool has_inner_series(const struct group *group)
{
	for (size_t i = 0; i < group->series_count; i++)
		if (group->series[i].inner)
			return true;
	return false;
}

/* Are they all the one, or all the other? Then a series is left after its first rows. */
static void choose_direction(struct aggregate *aggregate)
{
	const struct aggregate_spec *spec = &aggregate->spec;
	size_t firsts = 0, lasts = 0;

	for (size_t i = 0; i < spec->leaf_count; i++) {
		firsts += slice_equal(spec->leaves[i]->name, SLICE("first"));
		lasts += slice_equal(spec->leaves[i]->name, SLICE("last"));
	}
	if (window_is_given(&spec->window) || spec->leaf_count == 0 ||
	    has_inner_series(spec->group))
		return;
	aggregate->wants_first_only = firsts == spec->leaf_count || lasts == spec->leaf_count;
	aggregate->reads_backwards = lasts == spec->leaf_count;
}

static int take_all(struct aggregate *aggregate)
{
	const struct group *group = aggregate->spec.group;
	bool shares = group->series_count >= SHARED_SERIES_MIN && !aggregate->is_alone &&
		      share_is_safe(aggregate->spec.plan);
	size_t at = 0;

	while (at < group->series_count) {
		size_t count = group->series_count - at;
		int err = END;

		if (count > ROUND_SERIES)
			count = ROUND_SERIES;
		if (shares && count > 1)
			err = take_round(aggregate, &group->series[at], count);
		aggregate->has_shared |= err != END;
		for (size_t i = 0; err == END && i < count; i++)
			TRY(aggregate_take_series(aggregate, &group->series[at + i]));
		TRY(err);
		at += count;
	}
	return OK;
}

int share_run(const struct aggregate_spec *spec, struct aggregate **out)
{
	struct run before = *spec->run;
	int err;

	TRY(aggregate_open(spec, out));
	choose_direction(*out);
	err = take_all(*out);
	if (err == ERR_LIMIT && (*out)->has_shared) {
		/* What several threads hold until it is joined may have been too much. */
		aggregate_close(*out);
		memory_retry();
		*spec->run = before;
		if (before.diag)
			diag_reset(before.diag);
		TRY(aggregate_open(spec, out));
		choose_direction(*out);
		(*out)->is_alone = true;
		err = take_all(*out);
	}
	TRY(err);
	return aggregate_sort_windows(*out);
}
