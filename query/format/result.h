/*
 * What a statement answers, as a stream of calls: the shape of InfluxDB's
 * JSON without its bytes. Executors call, formats (format.h) receive.
 *
 *	statement_begin ( series_begin row* series_end )* message* statement_end
 *
 * Every call returns OK, or below 0 to end the query (the reader went away,
 * the answer grew over a limit). Slices live until the call returns.
 */
#ifndef QUERY_RESULT_H
#define QUERY_RESULT_H

#include "engine/engine.h"
#include "query/base/cell.h"

/* What InfluxDB makes a chunk of, when chunks are asked for. */
enum result_chunks {
	CHUNKS_OF_ROWS,	  /* what is a SELECT to it: series and pieces of them */
	CHUNKS_OF_SERIES, /* each as a whole, and as if it were the last one */
	CHUNKS_OF_STATEMENTS,
};

struct result_series {
	struct slice name;	/* length 0 = none: JSON leaves the key out */
	const struct tag *tags; /* sorted by key; values may be empty */
	size_t tag_count;
	const struct slice *columns;
	size_t column_count;
	enum result_chunks chunks;
	/* tz(): seconds east of UTC at a time; NULL = UTC. `zone` lives until series_end. */
	int32_t (*utc_offset)(const void *zone, int64_t time_ns);
	const void *zone;
};

struct result_ops {
	int (*statement_begin)(void *arg, unsigned statement_id);
	int (*series_begin)(void *arg, const struct result_series *series);
	int (*row)(void *arg, const struct cell *cells);
	int (*series_end)(void *arg);
	int (*message)(void *arg, const char *level, const char *text);
	/* `error` NULL = fine */
	int (*statement_end)(void *arg, const char *error);
};

/* Where a statement's answer goes. */
struct result {
	const struct result_ops *ops;
	void *arg;
};

#endif
