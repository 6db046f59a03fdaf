/* Counters since the start: relaxed atomics, a row of stats.def each. */
#include <stdatomic.h>

#include "engine/engine.h"

static _Atomic uint64_t counters[STAT_COUNT];

static const struct {
	const char *name, *help;
} rows[STAT_COUNT] = {
#define STAT(name, help) [STAT_##name] = { #name, help },
#include "engine/stats.def"
#undef STAT
};

/* The metric's name: the row's in lower case. Made once, before main(). */
static char names[STAT_COUNT][32];

__attribute__((constructor)) static void names_init(void)
{
	for (int stat = 0; stat < STAT_COUNT; stat++)
		for (size_t i = 0; rows[stat].name[i] && i + 1 < sizeof(names[0]); i++) {
			char c = rows[stat].name[i];

			names[stat][i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
		}
}

void stat_add(enum stat stat, uint64_t amount)
{
	atomic_fetch_add_explicit(&counters[stat], amount, memory_order_relaxed);
}

uint64_t stat_get(enum stat stat)
{
	return atomic_load_explicit(&counters[stat], memory_order_relaxed);
}

const char *stat_name(enum stat stat)
{
	return names[stat];
}

const char *stat_help(enum stat stat)
{
	return rows[stat].help;
}
