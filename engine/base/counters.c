/* Counters since the start: relaxed atomics, a row of counters.def each. */
#include "engine/base/counters.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic uint64_t counters[COUNTER_COUNT];

static const struct {
	const char *name, *help;
} rows[COUNTER_COUNT] = {
#define COUNTER(name, help) [COUNTER_##name] = { #name, help },
#include "engine/base/counters.def"
#undef COUNTER
};

/* The metric's name: the row's in lower case. Made once, before main(). */
static char names[COUNTER_COUNT][32];

__attribute__((constructor)) static void names_init(void)
{
	for (int counter = 0; counter < COUNTER_COUNT; counter++)
		for (size_t i = 0; rows[counter].name[i] && i + 1 < sizeof(names[0]); i++) {
			char c = rows[counter].name[i];

			names[counter][i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
		}
}

void counter_add(enum counter counter, uint64_t amount)
{
	atomic_fetch_add_explicit(&counters[counter], amount, memory_order_relaxed);
}

uint64_t counter_get(enum counter counter)
{
	return atomic_load_explicit(&counters[counter], memory_order_relaxed);
}

const char *counter_name(enum counter counter)
{
	return names[counter];
}

const char *counter_help(enum counter counter)
{
	return rows[counter].help;
}
