/*
 * Series as files. What the engine gives is a text that may grow at its end;
 * what the kernel wants is an inode whose pages never lie.
 *
 * A series whose last change is older than SERIES_QUIET_NS gets a nodeid for
 * that version, whose pages are cached (so that MAP_SHARED works); one that is
 * changing gets a nodeid that is only opened with direct_io. A nodeid serves
 * one lineage: when its open text cannot grow into what the series is now, the
 * next lookup gets another nodeid. The st_ino stays.
 *
 *	lookup ─ quiet ──► cached node, version 7 ─ open for writing ─► ESTALE, and:
 *	       └ else ───► direct node                                the kernel asks again
 *
 * A cached text may still grow while readers have it open (`tail -f`). Its
 * new size is told to the kernel only after the page with the old end was
 * dropped, or a reader would see the zeros behind that end. A writer moves
 * the kernel's idea of the size by itself, so none may share a cached nodeid.
 */
#ifndef FS_POINTS_SERIES_H
#define FS_POINTS_SERIES_H

#include <pthread.h>

#include "fs/nodes/kind.h"

#define SERIES_QUIET_NS (INT64_C(2) * 1000000000)

extern const struct kind_ops series_kind;

/* A node for a series that is about to get its first point here. */
struct node *series_create(struct mount *mount, const struct place *place, struct slice key);
/*
 * Size and times. END: the text grew under cached pages; `out` has the old size, and the kind's
 * wait() answers with the new one.
 */
int series_stat_node(struct mount *mount, struct node *node, struct series_stat *out);
/* Its number, ID_NONE as long as it has no point anywhere in the database. */
uint32_t series_number(struct mount *mount, const struct node *node);

/* What stat(2) tells of a series, and what utimens(2) changes of it, by its place. */
int series_fill_stat(struct mount *mount, const struct place *place,
		     const struct series_stat *series, struct stat *out);
int series_set_place(struct mount *mount, const struct place *place, const struct stat *to,
		     int what);

/* The series was removed or replaced: its next lookup gets another nodeid. */
void series_forget_place(struct mount *mount, const struct place *place);

#endif
