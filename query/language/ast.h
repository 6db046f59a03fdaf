/*
 * What a parsed request is: statements, their clauses, their expressions.
 *
 *	request ─► statement ─► select_stmt ─► fields, sources, dimensions ─► expr
 *	                    └─► show_stmt, policy_stmt, … one struct a family
 *
 * Everything lives in the arena that the parser was lent, slices included
 * (they may also point into the query text, which must live as long). Nodes
 * may be changed by who binds them; nobody frees one.
 */
#ifndef QUERY_AST_H
#define QUERY_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/slice.h"
#include "query/language/lexer.h"

/* Brackets within brackets, subqueries within subqueries. */
#define PARSE_DEPTH_MAX 100
/* The height of an expression: `a or b or c …` is as high as it has operators. Walkers recurse. */
#define EXPR_HEIGHT_MAX 4000

/* ---- expressions ---- */

/* What a reference, literal or column may be; the words after `::`. */
enum data_type {
	DATA_UNKNOWN,
	DATA_FLOAT,
	DATA_INTEGER,
	DATA_UNSIGNED,
	DATA_STRING,
	DATA_BOOLEAN,
	DATA_TIME,
	DATA_DURATION,
	DATA_TAG,
	DATA_FIELD, /* `x::field`: any field */
};
#define DATA_TYPE_COUNT 10
/* "float", …, "unknown". */
const char *data_type_name(enum data_type type);

enum expr_kind {
	EXPR_VARREF,
	EXPR_INTEGER,
	EXPR_UNSIGNED, /* a literal above the largest int64 */
	EXPR_NUMBER,
	EXPR_STRING,
	EXPR_BOOLEAN,
	EXPR_DURATION,
	EXPR_CALENDAR, /* months: only as time()'s first argument, or after + - in WHERE */
	EXPR_REGEX,
	EXPR_TIME, /* never parsed; made by who folds constants */
	EXPR_WILDCARD,
	EXPR_LIST, /* WITH KEY IN (a, b) */
	EXPR_NIL,  /* never parsed */
	EXPR_CALL,
	EXPR_BINARY,
	EXPR_PAREN,
	EXPR_DISTINCT, /* `distinct x`, without brackets; with them it is a call */
};
/* What Go calls the node in InfluxDB's error texts: "*influxql.StringLiteral". */
const char *expr_kind_go_name(enum expr_kind kind);

struct expr {
	enum expr_kind kind;
	uint32_t height; /* 1 for a leaf; at most EXPR_HEIGHT_MAX */
	struct position position;
	union {
		struct {
			struct slice name;   /* segments joined by dots */
			enum data_type type; /* the cast; binding may set it */
			int32_t slot;	     /* for who binds: which column; 0 from the parser */
		} varref;
		int64_t integer;
		uint64_t unsigned_;
		double number;
		struct slice string;
		bool boolean;
		int64_t duration_ns;
		struct {
			int32_t months; /* 12 for a year; negative after a unary minus never */
			struct slice text;
		} calendar;
		struct {
			struct slice pattern; /* between the slashes, `\/` made `/` */
			bool ignore_case;     /* 0.8: /…/i */
			void *program;	      /* for who compiles it; NULL from the parser */
		} regex;
		int64_t time_ns;
		enum data_type wildcard; /* DATA_UNKNOWN, DATA_FIELD or DATA_TAG */
		struct {
			struct slice *items;
			size_t count;
		} list;
		struct {
			struct slice name; /* in lower case */
			struct expr **args;
			size_t arg_count;
		} call;
		struct {
			enum token op;
			struct expr *left, *right;
		} binary;
		struct expr *paren;
		struct slice distinct;
	};
};

static inline bool expr_is_call(const struct expr *expr, const char *name)
{
	return expr->kind == EXPR_CALL && slice_equal(expr->call.name, slice_of_text(name));
}
/* Is it the column `time`, in any case? */
bool expr_is_time(const struct expr *expr);
/* Is it a comparison with the column `time`? */
bool expr_is_time_term(const struct expr *expr);
/* Without the brackets around it. */
struct expr *expr_unwrap(struct expr *expr);
static inline bool expr_is_literal(const struct expr *expr)
{
	return expr->kind >= EXPR_INTEGER && expr->kind <= EXPR_TIME;
}

/*
 * Visit every node, parents first, left to right. The visitor says whether to
 * go into the node's children.
 */
typedef bool expr_visit(void *arg, struct expr *expr);
void expr_walk(struct expr *expr, expr_visit *visit, void *arg);

/* New nodes and copies, in `arena`; NULL when its budget is used up. */
struct expr *expr_new(struct arena *arena, enum expr_kind kind, struct position position);
struct expr *expr_new_binary(struct arena *arena, enum token op, struct expr *left,
			     struct expr *right);
struct expr *expr_new_varref(struct arena *arena, struct slice name, enum data_type type);
struct expr *expr_copy(struct arena *arena, const struct expr *expr);

/* ---- the parts of a SELECT ---- */

struct select_stmt;

struct field {
	struct expr *expr;
	struct slice alias; /* "" = none */
	struct position position;
};

enum source_kind {
	SOURCE_MEASUREMENT,
	SOURCE_SUBQUERY,
	SOURCE_MERGE, /* 0.8: merge(…), a merge b */
	SOURCE_JOIN,  /* 0.8: join(…), a inner join b */
};

/*
 * How a measurement was named. 1.x paths are taken apart into database, policy
 * and name. A raw dotted name also keeps itself whole: when the path's database
 * or policy does not exist the binder may read it as one 0.8 name (LANGUAGE,
 * "Names in FROM").
 */
/* What a raw dotted name is. */
enum dotted_kind {
	DOTTED_UNKNOWN, /* not looked up yet: whoever binds it tells */
	DOTTED_PATH,
	DOTTED_NAME,
};

struct source {
	enum source_kind kind;
	struct position position;
	struct slice alias; /* 0.8; "" = none */
	/* SOURCE_MEASUREMENT */
	struct slice database, policy; /* "" = the default ones */
	struct slice name;	       /* "" when `regex` is there */
	struct expr *regex;	       /* EXPR_REGEX, or NULL */
	struct slice whole_name;       /* `a.b.c` written raw: the whole; "" otherwise */
	enum dotted_kind dotted;
	const char *path_error; /* NULL, or why it is no 1.x path ("too many segments in …"):
				   the binder's error unless whole_name is a measurement */
	/* SOURCE_SUBQUERY */
	struct select_stmt *subquery;
	/* SOURCE_MERGE, SOURCE_JOIN */
	struct source *parts;
	size_t part_count;
	bool is_infix; /* written `a merge b` or `a inner join b` */
};

/* `into 5m.:series_name.[host]`: a name made from each row. */
enum target_part_kind {
	TARGET_TEXT,
	TARGET_COLUMN,	    /* [column] */
	TARGET_SERIES_NAME, /* :series_name */
};
struct target_part {
	enum target_part_kind kind;
	struct slice text;
};

struct target {
	struct position position;
	struct slice database, policy; /* "" = the default ones */
	struct slice name;	       /* "" when is_source_name or when there are parts */
	bool is_source_name;	       /* 1.x `:MEASUREMENT` */
	bool is_trailing;	       /* 0.8: stood at the end of the statement */
	struct target_part *parts;     /* 0.8 pattern; part_count 0 = none */
	size_t part_count;
};

enum fill_option {
	FILL_NULL, /* also when nothing was said */
	FILL_NONE,
	FILL_NUMBER,
	FILL_PREVIOUS,
	FILL_LINEAR,
};

/* ORDER BY; at most one field, and that is time. */
struct sort {
	bool is_given;
	bool has_name; /* `order by time`, not just `order by desc` */
	bool is_descending;
	bool is_bare; /* 0.8: `order desc`, without BY */
};

enum backfill {
	BACKFILL_UNSAID,
	BACKFILL_TRUE,
	BACKFILL_FALSE,
	BACKFILL_FROM, /* true, from a time on */
};

struct select_stmt {
	struct position position;
	struct field *fields;
	size_t field_count;
	struct target *target; /* NULL = none */
	struct source *sources;
	size_t source_count;
	struct expr *condition; /* NULL = none */
	struct expr **dimensions;
	size_t dimension_count;
	enum fill_option fill;
	bool fill_is_said;
	struct expr *fill_value; /* FILL_NUMBER: an EXPR_INTEGER or EXPR_NUMBER */
	struct sort sort;
	int64_t limit, offset, slimit, soffset; /* 0 = none */
	struct slice timezone;			/* "" = none, else a zone that exists */
	bool is_raw;				/* no function call among the fields */
	bool is_old; /* an 0.8 statement: trailing INTO, merge, join, alias, bare ORDER DESC */
	enum backfill backfill;
	struct slice backfill_from; /* BACKFILL_FROM: in one of InfluxQL's shapes of a time */
};

/* ---- statements ---- */

enum statement_family {
	FAMILY_PLAIN,	     /* nothing but its kind */
	FAMILY_SELECT,	     /* select */
	FAMILY_EXPLAIN,	     /* explain */
	FAMILY_SHOW,	     /* show */
	FAMILY_REMOVE,	     /* remove */
	FAMILY_NAME,	     /* name */
	FAMILY_NUMBER,	     /* number */
	FAMILY_POLICY,	     /* policy */
	FAMILY_CONTINUOUS,   /* continuous */
	FAMILY_SUBSCRIPTION, /* subscription */
	FAMILY_USER,	     /* user */
	FAMILY_GRANT,	     /* grant */
};

/*
 * STATEMENT(KIND, "its words", family, changes something, needs a database)
 * "Needs": its own ON, or the default one.
 */
#define STATEMENTS(STATEMENT)                                                                      \
	STATEMENT(SELECT, "SELECT", SELECT, false, true)                                           \
	STATEMENT(EXPLAIN, "EXPLAIN", EXPLAIN, false, true)                                        \
	STATEMENT(DELETE, "DELETE", REMOVE, true, true)                                            \
	STATEMENT(DROP_SERIES, "DROP SERIES", REMOVE, true, true)                                  \
	STATEMENT(DROP_MEASUREMENT, "DROP MEASUREMENT", NAME, true, true)                          \
	STATEMENT(DROP_DATABASE, "DROP DATABASE", NAME, true, false)                               \
	STATEMENT(DROP_POLICY, "DROP RETENTION POLICY", NAME, true, false)                         \
	STATEMENT(DROP_CONTINUOUS_QUERY, "DROP CONTINUOUS QUERY", NAME, true, false)               \
	STATEMENT(DROP_SHARD, "DROP SHARD", NUMBER, true, false)                                   \
	STATEMENT(DROP_SUBSCRIPTION, "DROP SUBSCRIPTION", SUBSCRIPTION, true, false)               \
	STATEMENT(DROP_USER, "DROP USER", NAME, true, false)                                       \
	STATEMENT(CREATE_DATABASE, "CREATE DATABASE", POLICY, true, false)                         \
	STATEMENT(CREATE_POLICY, "CREATE RETENTION POLICY", POLICY, true, false)                   \
	STATEMENT(ALTER_POLICY, "ALTER RETENTION POLICY", POLICY, true, false)                     \
	STATEMENT(CREATE_CONTINUOUS_QUERY, "CREATE CONTINUOUS QUERY", CONTINUOUS, true, false)     \
	STATEMENT(CREATE_SUBSCRIPTION, "CREATE SUBSCRIPTION", SUBSCRIPTION, true, false)           \
	STATEMENT(CREATE_USER, "CREATE USER", USER, true, false)                                   \
	STATEMENT(SET_PASSWORD, "SET PASSWORD", USER, true, false)                                 \
	STATEMENT(GRANT, "GRANT", GRANT, true, false)                                              \
	STATEMENT(GRANT_ADMIN, "GRANT", GRANT, true, false)                                        \
	STATEMENT(REVOKE, "REVOKE", GRANT, true, false)                                            \
	STATEMENT(REVOKE_ADMIN, "REVOKE", GRANT, true, false)                                      \
	STATEMENT(KILL_QUERY, "KILL QUERY", NUMBER, true, false)                                   \
	STATEMENT(SHOW_CONTINUOUS_QUERIES, "SHOW CONTINUOUS QUERIES", PLAIN, false, false)         \
	STATEMENT(SHOW_DATABASES, "SHOW DATABASES", PLAIN, false, false)                           \
	STATEMENT(SHOW_DIAGNOSTICS, "SHOW DIAGNOSTICS", NAME, false, false)                        \
	STATEMENT(SHOW_STATS, "SHOW STATS", NAME, false, false)                                    \
	STATEMENT(SHOW_QUERIES, "SHOW QUERIES", PLAIN, false, false)                               \
	STATEMENT(SHOW_SHARDS, "SHOW SHARDS", PLAIN, false, false)                                 \
	STATEMENT(SHOW_SHARD_GROUPS, "SHOW SHARD GROUPS", PLAIN, false, false)                     \
	STATEMENT(SHOW_SUBSCRIPTIONS, "SHOW SUBSCRIPTIONS", PLAIN, false, false)                   \
	STATEMENT(SHOW_USERS, "SHOW USERS", PLAIN, false, false)                                   \
	STATEMENT(SHOW_GRANTS, "SHOW GRANTS", NAME, false, false)                                  \
	STATEMENT(SHOW_POLICIES, "SHOW RETENTION POLICIES", SHOW, false, true)                     \
	STATEMENT(SHOW_MEASUREMENTS, "SHOW MEASUREMENTS", SHOW, false, true)                       \
	STATEMENT(SHOW_SERIES, "SHOW SERIES", SHOW, false, true)                                   \
	STATEMENT(SHOW_TAG_KEYS, "SHOW TAG KEYS", SHOW, false, true)                               \
	STATEMENT(SHOW_TAG_VALUES, "SHOW TAG VALUES", SHOW, false, true)                           \
	STATEMENT(SHOW_FIELD_KEYS, "SHOW FIELD KEYS", SHOW, false, true)                           \
	STATEMENT(SHOW_SERIES_CARDINALITY, "SHOW SERIES CARDINALITY", SHOW, false, true)           \
	STATEMENT(SHOW_MEASUREMENT_CARDINALITY, "SHOW MEASUREMENT CARDINALITY", SHOW, false, true) \
	STATEMENT(SHOW_TAG_KEY_CARDINALITY, "SHOW TAG KEY CARDINALITY", SHOW, false, true)         \
	STATEMENT(SHOW_TAG_VALUES_CARDINALITY, "SHOW TAG VALUES CARDINALITY", SHOW, false, true)   \
	STATEMENT(SHOW_FIELD_KEY_CARDINALITY, "SHOW FIELD KEY CARDINALITY", SHOW, false, true)     \
	STATEMENT(LIST_SERIES, "LIST SERIES", SHOW, false, true)                                   \
	STATEMENT(LIST_CONTINUOUS_QUERIES, "LIST CONTINUOUS QUERIES", PLAIN, false, false)

enum statement_kind {
#define STATEMENT(kind, words, family, changes, needs_database) STATEMENT_##kind,
	STATEMENTS(STATEMENT)
#undef STATEMENT
		STATEMENT_KIND_COUNT
};

struct statement_kind_row {
	const char *words;
	enum statement_family family;
	bool changes; /* a SELECT does when it has a target: ask statement_changes() */
	bool needs_database;
};
extern const struct statement_kind_row statement_kinds[STATEMENT_KIND_COUNT];

struct explain_stmt {
	struct select_stmt *select;
	bool analyze;
};

/* Every SHOW with clauses; what its grammar does not have is empty. */
struct show_stmt {
	struct slice database; /* ON; "" = the default one */
	bool is_exact;	       /* EXACT CARDINALITY */
	struct source *sources;
	size_t source_count;
	struct source *measurement; /* WITH MEASUREMENT = name | =~ /re/; NULL = none */
	enum token key_op;	    /* WITH KEY: EQ NEQ EQ_REGEX NEQ_REGEX IN */
	struct expr *key;	    /* EXPR_STRING, EXPR_REGEX or EXPR_LIST; NULL = none */
	struct expr *condition;
	struct expr **dimensions;
	size_t dimension_count;
	struct sort sort;
	int64_t limit, offset, slimit, soffset;
	struct expr *regex;	/* LIST SERIES /re/; NULL = none */
	bool is_include_spaces; /* LIST SERIES include spaces */
};

/* DELETE, DROP SERIES: at least one of the two. */
struct remove_stmt {
	struct source *sources;
	size_t source_count;
	struct expr *condition;
};

/* One name, sometimes ON a database; SHOW STATS FOR 'module' ("" = all). */
struct name_stmt {
	struct slice name;
	struct slice database;
};

/* DROP SHARD id, KILL QUERY id [ON host] */
struct number_stmt {
	uint64_t number;
	struct slice host;
};

/* CREATE DATABASE, CREATE and ALTER RETENTION POLICY. INF is a duration of 0. */
struct policy_stmt {
	struct slice name;     /* of the policy; CREATE DATABASE … NAME: "" = not given */
	struct slice database; /* the database to create, or ON */
	bool is_with;	       /* CREATE DATABASE … WITH */
	bool has_duration, has_replication, has_shard_duration, is_default;
	int64_t duration_ns, shard_duration_ns;
	int32_t replication;
};

struct continuous_stmt {
	struct slice name;
	struct slice database;
	int64_t resample_every_ns, resample_for_ns; /* 0 = not given */
	struct select_stmt *select;		    /* has a target */
};

struct subscription_stmt {
	struct slice name, database, policy;
	enum token mode; /* TOKEN_ALL, TOKEN_ANY */
	struct slice *destinations;
	size_t destination_count;
};

struct user_stmt {
	struct slice name, password;
	bool is_admin;
};

enum privilege {
	PRIVILEGE_READ,
	PRIVILEGE_WRITE,
	PRIVILEGE_ALL,
};
struct grant_stmt {
	enum privilege privilege;
	struct slice database; /* "" for the _ADMIN kinds */
	struct slice user;
};

struct statement {
	enum statement_kind kind;
	struct position position;
	struct slice text; /* as it was written, without the semicolon */
	union {
		struct select_stmt *select;
		struct explain_stmt explain;
		struct show_stmt show;
		struct remove_stmt remove;
		struct name_stmt name;
		struct number_stmt number;
		struct policy_stmt policy;
		struct continuous_stmt continuous;
		struct subscription_stmt subscription;
		struct user_stmt user;
		struct grant_stmt grant;
	};
};

/* The databases that it names, one by one, in the arena; ERR_LIMIT. */
int statement_databases(const struct statement *statement, struct arena *arena,
			const struct slice **names, size_t *count);
/* Would running it change stored data or settings? */
bool statement_changes(const struct statement *statement);
/*
 * The interval of GROUP BY time(…), 0 when there is none. `months` is set
 * instead when it is a calendar unit. NULL, or InfluxDB's words for what is
 * wrong with it.
 */
const char *select_interval(const struct select_stmt *select, int64_t *interval_ns,
			    int32_t *months);

struct request {
	struct statement *statements;
	size_t count;
};

#endif
