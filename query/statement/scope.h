/*
 * What a SHOW or a removal is about: the measurements of a database that FROM
 * names, in order of their names, and of each the series that have points.
 *
 *	FROM ─► measurement ids ─► series ids ─► (tag_filter) ─► what is shown
 *
 * It is one snapshot: what exists is what has points in it, and nothing else.
 */
#ifndef QUERY_SCOPE_H
#define QUERY_SCOPE_H

#include "query/expression/tag_filter.h"
#include "query/statement/task.h"

struct scope_measurement {
	uint32_t id;
	struct slice name;
	uint32_t *series_ids; /* ascending; what the WHERE leaves */
	size_t series_count;
};

struct time_range {
	int64_t first_ns, last_ns; /* closed; first > last: nothing */
};

struct scope {
	struct object database;
	struct index *index;
	struct snapshot *snapshot;
	struct time_range range;
	struct scope_measurement *measurements; /* those that have series, by name */
	size_t measurement_count;
	uint32_t *series_ids;	/* all of them, one measurement after the other */
	struct expr *condition; /* without its times; NULL = none */
	/* Those of the database that the caller may read; what stands in others is not there. */
	struct object *policies;
	size_t policy_count;
	bool has_all_policies;
};

struct scope_spec {
	struct slice database; /* ON; "" = the default */
	struct source *sources;
	size_t source_count;
	struct expr *condition;
	enum tag_filter_mode mode;
	bool write;	       /* the caller is going to change something */
	bool ignores_policies; /* SHOW TAG KEYS and VALUES do not look whether they exist */
};

/*
 * Everything in it dies with scope_close(), which is needed after errors too.
 * ERR_INVALID, ERR_NOT_FOUND in InfluxDB's words; ERR_ACCESS, ERR_LIMIT.
 */
int scope_open(struct task *task, const struct scope_spec *spec, struct scope *out);
/* Has the condition (NULL: none) a term of time? */
bool scope_names_time(struct expr *condition);
void scope_close(struct scope *scope);

#endif
