/*
 * What a request comes with besides its text: who asks, of what, under which limits, and how the
 * answer is to look.
 *
 * All of it is borrowed by those that run the request, and outlives it.
 */
#ifndef QUERY_REQUEST_H
#define QUERY_REQUEST_H

#include <stdatomic.h>

#include "engine/engine.h"

/* --- how the answer looks ------------------------------------------------------------ */

enum query_format {
	QUERY_CSV, /* default */
	QUERY_JSON,
	QUERY_JSONL,
	QUERY_LP,
	QUERY_TXT,
	QUERY_SVG,
};

/* By extension without the dot ("csv"); false when there is no such format (format.c). */
bool query_format_of(struct slice extension, enum query_format *out);

/* What may follow `?`. Filled by query_options_parse(). */
struct query_options {
	enum query_format format;
	bool has_format;       /* an extension was given */
	bool has_rest;	       /* that or options were */
	int64_t epoch_unit_ns; /* 0 = RFC 3339, else 1, 1000, … */
	char rp[256];	       /* default policy of FROM, "" = the database's */
	bool pretty, chunked, fresh, exact;
	uint64_t chunk_size;	/* 0 = default 10000 */
	char params[4096];	/* JSON object of bound parameters, "" = none */
	uint32_t width, height; /* svg, 0 = default */
	char title[256];
};

/* Where the bytes go. Called in order; below 0 ends the query with that error. */
struct query_sink {
	int (*write)(void *arg, struct slice bytes);
	void *arg;
};

/* --- who asks ------------------------------------------------------------------------- */

/*
 * Who asks: the fs layer answers for permissions. Every database and every policy that a
 * statement reads is asked for before anything in it is looked up, so that what is closed
 * answers in one way whatever it holds.
 */
#define QUERY_ALL_DATABASES UINT32_MAX /* asks: may this caller see what belongs to anyone? */

struct query_access {
	/*
	 * OK or ERR_ACCESS. `write`: it wants to change something in there. database_id 0: the
	 * root. policy_id 0: the database itself, else a policy of it. NULL: all is open.
	 */
	int (*check)(void *arg, uint32_t database_id, uint32_t policy_id, bool write);
	void *arg;
	struct attrs attrs; /* mode, uid, gid of what it creates */
};

struct query_limits {
	uint64_t memory_bytes_max;     /* all that one query allocates, but for the answer given */
	uint64_t memory_all_bytes_max; /* of all queries together, 0 = no limit */
	uint64_t buckets_max;	       /* rows of time buckets × series of one statement */
	uint64_t series_max;	       /* series one statement may touch */
	uint64_t points_max;	       /* points read, 0 = no limit */
	int64_t time_max_ns;	       /* wall clock, 0 = no limit */
	uint64_t text_bytes_max;
};
extern const struct query_limits query_limits_default;

struct query_env {
	struct engine *engine;
	uint32_t database_id; /* 0 = no default database */
	struct query_access access;
	const struct query_limits *limits;
	atomic_bool
		*cancelled; /* set from another thread; the query then ends with ERR_CANCELLED */
	bool read_only;	    /* query/ paths: what would change data is ERR_NOT_PERMITTED */
	int64_t now_ns;	    /* 0 = the clock */
};

/* A statement of a dump that is imported (query_import()). */
struct dump_statement {
	struct slice database; /* as the dump calls the one that is imported; "": only judge */
	struct buf named;      /* given: the database that the statement is about; the caller's */
	bool is_passed_over;   /* given: it is another one, and nothing was done */
	struct buf default_policy; /* given: to be the default one when all is in; the caller's */
};

/* What a SELECT is told besides its text; a zeroed struct says nothing. */
struct select_scope {
	const struct query_options *options; /* `rp` and `exact` are read; NULL = none given */
	/* A continuous query's window, closed, in place of the times the text asks for. */
	bool has_range;
	int64_t time_first_ns, time_last_ns;
};

#endif
