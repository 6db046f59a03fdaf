/*
 * The query layer's face: text in, formatted bytes out. Knows no path of the
 * mount, no LevelDB, no errno.
 *
 *	text ─► lexer ─► parser ─► ast ─► bind ─► plan ─► operators ─► format ─► sink
 */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include "engine/engine.h"

enum query_format {
	QUERY_CSV, /* default */
	QUERY_JSON,
	QUERY_JSONL,
	QUERY_LP,
	QUERY_TXT,
	QUERY_SVG,
};
/* By extension without the dot ("csv"); false when there is no such format. */
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
/*
 * Take `TEXT[;][.FORMAT][?OPTIONS]` apart from its end (LANGUAGE, "Query text
 * as a path"): `*statement` is TEXT (with %2F and %25 decoded, into `buffer`).
 * ERR_INVALID with diag: options that are known keys with impossible values.
 */
int query_options_parse(struct slice path_text, struct query_options *options, struct buf *buffer,
			struct slice *statement, struct diag *diag);
/* For exec and write: `epoch=ns&pretty=true`, without the question mark; unknown keys are
 * ERR_INVALID. */
int query_options_parse_list(struct slice list, struct query_options *options, struct diag *diag);

/* What the text of a path looks like (LANGUAGE: a file or a prefix that looks up as a directory).
 */
enum query_shape {
	QUERY_SHAPE_WHOLE,  /* a statement, or surely wrong: a file */
	QUERY_SHAPE_PREFIX, /* ends inside something, or its end was unexpected: a directory */
};
/* `path_text` is all below query/ with its slashes. Parses only; fast. diag: the parser's message,
 * with a hint. */
enum query_shape query_shape(struct slice path_text, struct diag *diag);

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
	bool *cancelled; /* set from another thread; the query then ends with ERR_CANCELLED */
	bool read_only;	 /* query/ paths: what would change data is ERR_NOT_PERMITTED */
	int64_t now_ns;	 /* 0 = the clock */
};

/* Where the bytes go. Called in order; below 0 ends the query with that error. */
struct query_sink {
	int (*write)(void *arg, struct slice bytes);
	void *arg;
};

/*
 * Statements that stand in front of points to be imported: CREATE DATABASE … WITH and CREATE
 * RETENTION POLICY make the policy in env->database_id, whatever database they name, unless it is
 * there. ERR_INVALID with diag: others.
 */
int query_import(const struct query_env *env, struct slice text, struct diag *diag);

/*
 * Run a request (one or more statements) and write its answer. For JSON a
 * failing statement's error object is part of the answer; for all formats the
 * first error is also returned, with its words in diag ("error parsing query: …"
 * for parse errors, with nothing run). Statements before it have taken effect.
 * A name in it that is not there, or there already, is ERR_INVALID like all else
 * that is wrong with a request.
 */
int query_run(const struct query_env *env, struct slice request,
	      const struct query_options *options, const struct query_sink *sink,
	      struct diag *diag);

/* Does the answer depend on now() (so that it may not be reused while nothing changed)? Parses
 * only. */
bool query_uses_now(struct slice request);

/* A saved continuous query's text, checked: OK, or ERR_INVALID with diag. Prints it as stored into
 * `name`d form. */
int query_check_continuous(const struct query_env *env, struct slice text, struct diag *diag);

#endif
