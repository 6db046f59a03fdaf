/*
 * What is counted since the start, a row each in counters.def: COUNTER(NAME, help). Printed by
 * .seriesfs/metrics and by SHOW STATS. Any thread may count and read.
 */
#ifndef ENGINE_BASE_COUNTERS_H
#define ENGINE_BASE_COUNTERS_H

#include <stdint.h>

enum counter {
#define COUNTER(name, help) COUNTER_##name,
#include "engine/base/counters.def"
#undef COUNTER
	COUNTER_COUNT
};
void counter_add(enum counter counter, uint64_t amount);
uint64_t counter_get(enum counter counter);
const char *counter_name(enum counter counter); /* lower case, as the metric is called */
const char *counter_help(enum counter counter);

#endif
