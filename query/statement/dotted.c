/*
 * Why: `a.b.c.d` is a parse error of 1.x, unless it is the name of a measurement
 * here; only whoever knows the measurements can tell, and must tell it as the
 * parser would have. So it is told before any statement of a request runs.
 */
#include "query/statement/dotted.h"

#include "query/language/source.h"

struct dotted_search {
	struct catalog *catalog;
	uint32_t database_id; /* 0: there is no default database */
	struct index *index;
	struct diag *diag;
};

static bool is_name(const struct dotted_search *check, const struct source *source)
{
	return check->database_id &&
	       index_measurement_find(check->index, source->whole_name) != ID_NONE;
}

static int check_select(const struct dotted_search *check, struct select_stmt *select);

static int check_sources(const struct dotted_search *check, struct source *sources, size_t count,
			 bool is_old)
{
	for (size_t i = 0; i < count; i++) {
		struct source *source = &sources[i];

		if (source->kind == SOURCE_SUBQUERY) {
			TRY(check_select(check, source->subquery));
		} else if (source->kind != SOURCE_MEASUREMENT) {
			TRY(check_sources(check, source->parts, source->part_count, is_old));
		} else if (source->whole_name.length) {
			source->dotted = source_resolve(check->catalog, check->index,
							check->database_id, source, is_old);
			if (source->path_error && !is_old && !is_name(check, source))
				return diag_set(check->diag, ERR_INVALID, "%s", source->path_error);
		}
	}
	return OK;
}

static int check_select(const struct dotted_search *check, struct select_stmt *select)
{
	return check_sources(check, select->sources, select->source_count, select->is_old);
}

static int check_statement(const struct dotted_search *check, struct statement *statement)
{
	struct show_stmt *show = &statement->show;

	switch (statement_kinds[statement->kind].family) {
	case FAMILY_SELECT: return check_select(check, statement->select);
	case FAMILY_EXPLAIN: return check_select(check, statement->explain.select);
	case FAMILY_REMOVE:
		return check_sources(check, statement->remove.sources,
				     statement->remove.source_count, false);
	case FAMILY_SHOW:
		TRY(check_sources(check, show->sources, show->source_count, false));
		return check_sources(check, show->measurement, show->measurement != NULL, false);
	default: return OK;
	}
}

int dotted_check(const struct query_env *env, struct request *request, struct diag *diag)
{
	struct dotted_search check = { .catalog = engine_catalog(env->engine),
				       .database_id = env->database_id,
				       .diag = diag };

	int err = OK;

	if (env->database_id)
		check.index = engine_hold_index(env->engine, env->database_id);
	for (size_t i = 0; err >= 0 && i < request->count; i++)
		err = check_statement(&check, &request->statements[i]);
	index_let_go(check.index);
	return err < 0 ? err : OK;
}
