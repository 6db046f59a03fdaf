/*
 * WHERE over tags, bound to one measurement: which of its series a SHOW, DELETE
 * or DROP SERIES means.
 *
 * Each comparison becomes a bit per value of its tag, so that a regex runs once
 * a value and a series costs a bit per comparison. An absent tag is ''. The
 * condition is what condition_split() leaves, so that it means what it means to
 * a SELECT.
 */
#ifndef QUERY_TAG_FILTER_H
#define QUERY_TAG_FILTER_H

#include "engine/names/index.h"
#include "query/language/ast.h"

/*
 * What a comparison does that is not one of a tag with =, !=, =~ or !~. InfluxDB answers
 * some of SHOW from its index, the rest by a SELECT of series.
 */
enum tag_filter_mode {
	TAG_FILTER_SHOW, /* with a field: takes every series; by another operator: an error */
	TAG_FILTER_KEYS, /* the same, but that a tag may be calculated with, to no effect */
	TAG_FILTER_MEASUREMENTS, /* as SHOW; all but `tag = 'text'` and its kin: an error */
	TAG_FILTER_SELECT,	 /* takes no series */
	TAG_FILTER_REMOVE,	 /* an error */
};

struct tag_filter;

/*
 * Compiles the regexes of a condition into its nodes, once for all
 * measurements; tag_filter_release() frees them. `condition` may be NULL.
 */
int tag_filter_prepare(struct expr *condition, struct diag *diag);
void tag_filter_release(struct expr *condition);

/* ERR_INVALID in InfluxDB's words: what is no condition, whatever is stored. */
int tag_filter_check(struct expr *condition, enum tag_filter_mode mode, struct diag *diag);
/*
 * Of a condition that was checked. Gives NULL when every series is taken.
 * ERR_INVALID in InfluxDB's words; ERR_LIMIT: the arena's budget, or a regex
 * that gave up.
 */
int tag_filter_bind(struct arena *arena, struct index *index, uint32_t measurement_id,
		    struct expr *condition, enum tag_filter_mode mode, struct tag_filter **out,
		    struct diag *diag);
bool tag_filter_takes(const struct tag_filter *filter, struct index *index, uint32_t series_id);

#endif
