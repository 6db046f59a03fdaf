/*
 * A LevelDB on a read-only file system, to be read all the same.
 *
 *	shard/12.0/000005.ldb  ◄── link ──  TMPDIR/seriesfs-XXXXXX/000005.ldb
 *	           CURRENT, MANIFEST-…, ….log  ── copied ──►  the same names
 *
 * LevelDB writes when it opens: its lock, a new MANIFEST, a table of what its log holds. It does so
 * in a directory of links, which is deleted when the store is closed. The tables, which are nearly
 * all of the bytes, stay where they are.
 */
#ifndef ENGINE_SHARD_STORE_SHADOW_H
#define ENGINE_SHARD_STORE_SHADOW_H

/* Gives its path; free() it. ERR_READ_ONLY: there is no place for it. */
int store_shadow_make(const char *path, char **shadow);
/* Delete it, and free its path. NULL: nothing. */
void store_shadow_remove(char *shadow);

#endif
