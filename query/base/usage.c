/*
 * Counts of a running statement, and the words of its limits.
 *
 * Why here: whatever reads, keeps or computes rows asks, so it stands below all of that.
 */
#include "query/base/usage.h"

#include <stdatomic.h>
#include <time.h>

#include "engine/base/when.h"

void run_begin(struct run *run, const struct query_env *env, struct diag *diag)
{
	*run = (struct run){ .env = env, .diag = diag };
	if (env->limits->time_max_ns)
		run->deadline_ns = env_monotonic_ns() + env->limits->time_max_ns;
}

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

int run_check(struct run *run)
{
	const atomic_bool *cancelled = run->env->cancelled;

	if (cancelled && atomic_load_explicit(cancelled, memory_order_relaxed))
		return ERR_CANCELLED;
	if (run->deadline_ns && monotonic_ns() > run->deadline_ns)
		return diag_set(run->diag, ERR_LIMIT, "query-timeout limit exceeded");
	return query_memory(run->env, run->diag);
}

int run_take_bytes(struct run *run, size_t bytes)
{
	memory_fits(bytes);
	return query_memory(run->env, run->diag);
}

int run_count_bucket(struct run *run)
{
	uint64_t max = run->env->limits->buckets_max;

	if (max && ++run->buckets > max)
		return diag_set(run->diag, ERR_LIMIT,
				"max-select-buckets limit exceeded: (%llu/%llu)",
				(unsigned long long)run->buckets, (unsigned long long)max);
	return OK;
}

int run_count_points(struct run *run, size_t count)
{
	uint64_t max = run->env->limits->points_max;

	run->points += count;
	if (max && run->points > max)
		return diag_set(run->diag, ERR_LIMIT, "max-select-point limit exceeed: (%llu/%llu)",
				(unsigned long long)run->points, (unsigned long long)max);
	return run_check(run);
}

int run_join(struct run *run, const struct run *part, int err)
{
	uint64_t buckets_max = run->env->limits->buckets_max;

	run->summaries += part->summaries;
	run->chunks.decoded += part->chunks.decoded;
	run->chunks.summarized += part->chunks.summarized;
	run->chunks.skipped += part->chunks.skipped;
	run->read_ns += part->read_ns;
	if (err < 0 && part->diag->text[0] && run->diag)
		*run->diag = *part->diag;
	TRY(err);
	run->buckets += part->buckets;
	if (buckets_max && run->buckets > buckets_max)
		return diag_set(run->diag, ERR_LIMIT,
				"max-select-buckets limit exceeded: (%llu/%llu)",
				(unsigned long long)run->buckets, (unsigned long long)buckets_max);
	return run_count_points(run, part->points);
}

int run_explain(int err, struct diag *diag)
{
	if (err == ERR_LIMIT && !diag->text[0])
		return diag_set(diag, err, "the query needs more memory than it may use");
	return err;
}
