/* Why: what a query holds lies in many places, and a limit that leaves one of them out binds
 * nobody. */
#include "query/base/metering.h"

static struct memory_meter all_queries;

int metering_begin(struct metering *metering, const struct query_env *env, struct diag *diag)
{
	if (memory_is_scarce())
		return diag_set(diag, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	atomic_store(&all_queries.bytes_max, env->limits->memory_all_bytes_max);
	*metering = (struct metering){ .meter.parent = &all_queries,
				       .meter.bytes_max = env->limits->memory_bytes_max };
	metering->before = memory_enter(&metering->meter);
	return OK;
}

/* A limit was told where the system had no more: whoever asks may ask again, and less will not
 * help. */
static bool was_short(const struct memory_meter *meter)
{
	return atomic_load(&meter->is_short) && !atomic_load(&meter->is_over) &&
	       !atomic_load(&meter->is_over_all);
}

int metering_end(struct metering *metering, int err, struct diag *diag)
{
	struct memory_meter *meter = &metering->meter;

	memory_leave(metering->before);
	/* What it filled caches with is not its own any more. */
	atomic_fetch_sub(&all_queries.bytes, atomic_load(&meter->bytes));
	memory_trim_later((size_t)atomic_load(&meter->peak));
	/* What was short may have left something out: a query that ran to its end, too. */
	if ((err != OK && err != END && err != ERR_LIMIT) || !was_short(meter))
		return err;
	*diag = (struct diag){ 0 };
	return diag_set(diag, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
}

int query_memory(const struct query_env *env, struct diag *diag)
{
	int err = memory_state();
	const struct memory_meter *meter;

	if (err == OK)
		return OK;
	if (err == ERR_MEMORY)
		return diag_set(diag, err, "%s", err_text(err));
	meter = memory_here();
	if (!atomic_load(&meter->is_over))
		return diag_set(diag, err,
				"all queries together need more than their %llu bytes of memory: "
				"ask again when others are done",
				(unsigned long long)atomic_load(&meter->parent->bytes_max));
	return diag_set(diag, err,
			"the query needs more than its %llu bytes of memory: ask for less time, "
			"fewer series or larger windows",
			(unsigned long long)env->limits->memory_bytes_max);
}

uint64_t query_memory_bytes(void)
{
	int64_t bytes = atomic_load(&all_queries.bytes);

	return bytes > 0 ? (uint64_t)bytes : 0;
}
