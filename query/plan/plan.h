/*
 * What a SELECT will do, once its text has a meaning: which columns are read
 * from where, which calls are computed over which windows, what a row is.
 *
 *	select_stmt ─► plan_check ─► plan_bind ─► struct plan ─► (groups, scan, rows)
 *	               1.x's rules    names, types
 *
 * One plan a SELECT; a subquery is a source that has a plan of its own.
 * Everything lives in the statement's arena; what else it holds is given back
 * by plan_close().
 */
#ifndef QUERY_PLAN_H
#define QUERY_PLAN_H

#include "engine/base/map.h"
#include "query/base/request.h"
#include "query/expression/fold.h"
#include "query/expression/key.h"
#include "query/expression/window.h"
#include "query/function/function.h"

/* A column that is read, shared by all places that name it with the same type. */
struct plan_slot {
	struct slice name;
	enum data_type type; /* FLOAT … BOOLEAN, TAG; UNKNOWN: no source has it */
	bool is_selected;    /* a field's own column: a row is there when one of these is */
	bool is_filter;	     /* of WHERE: an absent tag is '', not null */
};

/* Where a source has it. */
enum bound_kind {
	BOUND_NOTHING,
	BOUND_FIELD, /* `index` counts the source's field_ids, or the subquery's columns */
	BOUND_TAG,   /* `index` is the measurement's tag key id; a subquery's goes by name */
	BOUND_NAME,  /* `_orig_series` of a merge: the measurement's name */
};
struct plan_bound {
	enum bound_kind kind;
	uint32_t index;
};

struct plan_source {
	size_t place;	   /* in FROM */
	struct slice name; /* of the measurement */
	struct snapshot *snapshot;
	struct index *index;
	uint32_t policy_id, measurement_id;
	uint32_t *field_ids; /* what its cursors read */
	size_t field_count;
	uint32_t field_capacity;
	struct plan_bound *bounds; /* one a slot */
	struct plan *subquery;	   /* in place of a measurement */
	bool is_merged;		   /* 0.8: its rows go into the series `merged` */
};

struct plan_column {
	struct slice name;
	struct expr *expr; /* calls are references to cells[slot_count + n] */
	enum data_type type;
};

/* A snapshot of a database the statement reads. */
struct plan_database {
	uint32_t id;
	struct slice name;
	struct snapshot *snapshot;
};

/* What all the plans of a statement share. */
struct plan_context {
	const struct query_env *env;
	const struct select_scope *scope;
	struct arena *arena;
	struct diag *diag;
	int64_t now_ns;
	struct plan_database *databases;
	size_t database_count, database_capacity;
};

struct plan {
	struct plan_context *context;
	struct select_stmt *stmt;
	struct plan *parent; /* of the statement around a subquery */
	/* what was checked */
	struct field *fields; /* folded, without `time` */
	size_t field_count;
	struct slice time_name;
	struct expr *condition; /* without its times; NULL = none */
	struct window_spec window;
	struct window_spec reach; /* with the windows before it that calls look back at */
	bool has_first;		  /* a lower bound was given */
	bool ends_with_points;	  /* no window is filled behind the last point of a group */
	bool is_descending;
	bool inherits_window;
	enum fill_option fill;
	double fill_value;
	bool fill_is_integer;
	int64_t fill_integer;
	bool has_aux, has_distinct, has_histogram, only_selectors;
	struct slice top_name; /* top or bottom; "" = none of them */
	size_t best_first,
		best_end; /* columns of its tags: they have names, but `*` passes over them */
	size_t check_call_count;
	/* what was bound */
	struct plan_source *sources;
	size_t source_count;
	bool groups_by_values;			 /* some of the dimensions are columns */
	const struct dimensions *dimensions;	 /* with those of the statements around it */
	const struct dimensions *own_dimensions; /* what these see as its tags */
	struct plan_slot *slots;
	size_t slot_count, slot_capacity;
	struct idmap known;	 /* measurements among the sources, by policy and number */
	struct map slot_map;	 /* by what tells them apart: a statement may have 100,000 */
	struct expr **conjuncts; /* of the condition: all must be true */
	size_t conjunct_count;
	struct plan_call **calls; /* those that columns show */
	size_t call_count;
	struct plan_call **leaves; /* those that read slots */
	size_t leaf_count;
	struct plan_column *columns;
	size_t column_count;
	struct key_ring ring;
	bool is_merge; /* 0.8: FROM has a merge */
	/* 0.8: its rows are those of its sources in turns (join.h), for the plan around it */
	const struct source *join;
	struct slice join_name; /* of the series it gives */
	/* 0.8: columns whose values are dimensions of its rows (plan_values.c) */
	struct slice *values;
	size_t value_count, value_capacity;
	bool is_empty; /* nothing can come of it */
};

struct plan_context plan_context_of(const struct query_env *env, const struct select_scope *scope,
				    struct arena *arena, struct diag *diag);
/* InfluxDB's rules about the text; makes the plans of subqueries as well. ERR_INVALID, ERR_LIMIT.
 */
int plan_check(struct plan_context *context, struct select_stmt *stmt, struct plan *parent,
	       struct plan **out);
/*
 * Names become numbers: opens the snapshots, expands wildcards, settles types.
 * ERR_NOT_FOUND, ERR_INVALID, ERR_ACCESS, ERR_LIMIT. plan_close() is needed
 * after errors too.
 */
int plan_bind(struct plan *plan);
/*
 * A SELECT that nobody wrote, within `plan`: checked and bound. The caller makes `*out` the
 * subquery of a source, after errors too, so that plan_close() finds it.
 */
int plan_inner(struct plan *plan, struct select_stmt *stmt, struct plan **out);
void plan_close(struct plan_context *context, struct plan *plan);

/* --- parts of the binding ---------------------------------------------------- */

/* The columns' names, from aliases and expressions (plan_names.c). */
int plan_name_columns(struct plan *plan);
/* `*`, `/re/` and `f(*)` among fields and dimensions (plan_wildcards.c). */
int plan_expand_wildcards(struct plan *plan);
/* FROM (plan_sources.c). */
int plan_bind_sources(struct plan *plan);
/* The measurements that a source of that kind finds in the range, by name. */
struct plan_measurements {
	struct slice *names;
	size_t count;
};
int plan_find_measurements(struct plan *plan, const struct source *source,
			   struct plan_measurements *out);
/* What the measurement of a source without a regex is called: 0.8's whole name, or a path's last.
 */
int plan_measurement_name(struct plan *plan, const struct source *source, struct slice *out);
/* The parts of a join become its sources, and their columns `part.column` its own (plan_join.c). */
int plan_bind_join(struct plan *join);
/* 0.8's GROUP BY of columns: rows of the sources become rows of a subquery by them (plan_values.c).
 */
int plan_group_by_values(struct plan *plan);
/* What a SELECT inside of `plan` reads: the columns that `plan` names, or all. ERR_LIMIT. */
int plan_list_columns(struct plan *plan, struct slice **names, size_t *count, bool *all);
/* The type a field of that name has over all the sources, else DATA_TAG, else DATA_UNKNOWN. */
int plan_type_of(struct plan *plan, struct slice name, enum data_type *out);
/* Has any source's measurement such a field, at whatever time? In a WHERE it is no tag then. */
bool plan_has_field(const struct plan *plan, struct slice name);
/* Is it a tag, or what a subquery shows of one? */
bool plan_is_tag(const struct plan *plan, struct slice name);
/* Where each source has each slot. */
int plan_bind_slots(struct plan *plan);

/* A column known to a source, for wildcards. */
struct plan_name {
	struct slice name;
	enum data_type type;
	bool is_field; /* DATA_TAG: a subquery's column that shows a tag; else a tag itself */
};
/* All fields and tags of all sources, sorted by name, then type; in the arena. */
int plan_list_names(struct plan *plan, struct plan_name **out, size_t *count);

/* The numbers of a call of it; what was not given is 1 and 0. */
struct histogram plan_histogram(const struct expr *call);

/* What a row of an answer without windows is dated. */
static inline int64_t plan_range_time(const struct plan *plan)
{
	return plan->has_first ? plan->window.time_first_ns : 0;
}

/*
 * How many windows before the range a call reads, so that the first one in it has a past, as far
 * as there is one: `count` is N of moving_average. And the range with so many.
 */
int64_t plan_looks_back(struct slice name, bool has_inner, int64_t count);
struct window_spec plan_widened(const struct plan *plan, int64_t windows);

static inline bool plan_is_raw(const struct plan *plan)
{
	return plan->call_count == 0;
}

/* 0.8: the column that tells where a merged row is from. */
static inline bool plan_is_origin(const struct plan *plan, struct slice name)
{
	return plan->is_merge && slice_equal(name, SLICE("_orig_series"));
}

#endif
