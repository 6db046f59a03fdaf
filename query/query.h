/*
 * The query layer's face: text in, formatted bytes out. Knows no path of the
 * mount, no LevelDB, no errno.
 *
 *	text ─► lexer ─► parser ─► ast ─► bind ─► plan ─► operators ─► format ─► sink
 */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include "query/base/request.h"

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
 * Statements that stand in front of points to be imported: CREATE DATABASE and CREATE RETENTION
 * POLICY make the policy in env->database_id, unless it is there, and autogen, the default one,
 * where there is none. ERR_INVALID with diag: others.
 */
int query_import(const struct query_env *env, struct slice text, struct dump_statement *dump,
		 struct diag *diag);

/*
 * Run a request (one or more statements) and write its answer. For JSON a
 * failing statement's error object is part of the answer; for all formats the
 * first error is also returned, with its words in diag ("error parsing query: …"
 * for parse errors, with nothing run). Statements before it have taken effect.
 * A name in it that is not there, or there already, is ERR_INVALID like all else
 * that is wrong with a request.
 *
 * `lasts` (may be NULL) is set before anything runs: may the answer be given again as long as
 * nothing is written?
 */
int query_run(const struct query_env *env, struct slice request,
	      const struct query_options *options, const struct query_sink *sink, bool *lasts,
	      struct diag *diag);

/* A saved continuous query's text, checked: OK, or ERR_INVALID with diag. Prints it as stored into
 * `name`d form. */
int query_check_continuous(const struct query_env *env, struct slice text, struct diag *diag);

#endif
