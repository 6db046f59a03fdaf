/*
 * Scratch files: what rsync, `sed -i` and every tool that writes a new file and renames it over
 * the old one leave lying for a moment.
 *
 * They hold bytes in memory that no query sees. Their name decides little; the
 * first full line decides for a name in a group that could be a series: when it
 * carries that name's own key, the file *becomes* that series there and then
 * (`tar -x`, `cp`), and what the kernel still calls by the old nodeid goes on
 * as the series. In a policy, what could be a series over all groups becomes
 * one unless its first line is a setting (`sed -i .policy`). Renaming one onto a series replaces
 * what that series had when the scratch file was made.
 */
#ifndef FS_POINTS_SCRATCH_H
#define FS_POINTS_SCRATCH_H

#include "fs/nodes/kind.h"

extern const struct kind_ops scratch_kind, scratch_dir_kind;

struct scratch_table;
struct scratch;

struct scratch_table *scratch_table_new(struct budget *held);
void scratch_table_free(struct scratch_table *table);
uint64_t scratch_table_bytes(struct scratch_table *table);
/*
 * Once a second: tells in `errors` of files that were closed with lines in them and not renamed,
 * and lets go of files whose directory was dropped.
 */
void scratch_remind(struct mount *mount);

/* Does CREATE of this name make a scratch file in that directory of the catalog? */
bool scratch_takes(const struct place *dir, struct slice name, int flags);
/* Make one with a node (one lookup). ERR_LIMIT. */
int scratch_create(struct mount *mount, const struct place *dir, struct slice name,
		   const struct attrs *attrs, struct node **out);
/*
 * A directory for such files, with a dot in front: rsync --delay-updates puts what it has copied
 * into one, and renames all of it out at the end.
 */
int scratch_mkdir(struct mount *mount, const struct place *dir, struct slice name,
		  const struct attrs *attrs, struct node **out);
/* ERR_NOT_FOUND. */
int scratch_find(struct mount *mount, const struct place *dir, struct slice name,
		 struct place *out);
/* Calls `each` for the names in a directory. */
int scratch_list(struct mount *mount, const struct place *dir, list_each *each, void *arg);
size_t scratch_count(struct mount *mount, const struct place *dir);

/* Has it become a series (its number may still be ID_NONE)? */
bool scratch_became(struct mount *mount, const struct node *node, struct place *series);
int scratch_remove(struct mount *mount, const struct place *place);
/* Within its directory and the scratch directories in it: another scratch name, a series,
 * `.policy`, a continuous query. */
int scratch_rename(struct mount *mount, const struct place *place, const struct place *dir,
		   struct slice name, unsigned flags);

#endif
