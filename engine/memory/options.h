/* How an engine is opened. */
#ifndef ENGINE_MEMORY_OPTIONS_H
#define ENGINE_MEMORY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct engine_options {
	const char *path;
	bool read_only;
	bool leaves_alone;	     /* with read_only: changes no byte of the directory */
	bool sync_writes;	     /* every write durable before it returns */
	uint32_t commit_seconds;     /* 0 = default */
	uint64_t memtable_bytes_max; /* 0 = default; writers wait beyond it */
	uint32_t shards_open_max;    /* 0 = default */
	uint32_t series_max;	     /* per database; 0 = default */
	/* Groups past their window are rewritten after this long without a point; 0 = never. */
	uint32_t cold_seconds;
	bool trust_clock;	      /* it is a test's, or a person has looked */
	uint32_t cold_period_seconds; /* between looks for such groups; 0 = default */
};

#endif
