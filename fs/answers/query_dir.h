/*
 * query/, the directory: every name below it is an answer (answer.h), or the
 * beginning of one, since a query may hold slashes.
 *
 *	query/select mean(v)/2 from cpu
 *	      '-- PREFIX ---'-- ANSWER -'
 */
#ifndef FS_ANSWERS_QUERY_DIR_H
#define FS_ANSWERS_QUERY_DIR_H

#include "fs/nodes/kind.h"

extern const struct kind_ops query_kind, prefix_kind;

/* How an answer or a beginning of one is printed: a verb of kind.h. */
void query_dir_print(struct mount *mount, const struct place *place, struct slice text,
		     struct buf *out);

#endif
