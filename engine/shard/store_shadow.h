/*
 * A LevelDB that is not to be changed (on a read-only file system, by a check), to be read all the
 * same.
 *
 *	shard/12.0/000005.ldb  ◄── link ──  TMPDIR/.seriesfs-links-XXXXXX/000005.ldb
 *	           CURRENT, MANIFEST-…, ….log  ── copied ──►  the same names
 *
 * LevelDB writes when it opens: its lock, a new MANIFEST, a table of what its log holds. It does so
 * in a directory of links, which is deleted when the store is closed. The tables, which are nearly
 * all of the bytes, stay where they are.
 *
 * Its maker keeps a lock on it. A directory without, left by a process that was killed, is
 * deleted when the next one is made there.
 */
#ifndef ENGINE_SHARD_STORE_SHADOW_H
#define ENGINE_SHARD_STORE_SHADOW_H

struct store_shadow;

/* ERR_READ_ONLY: there is no place for it. */
int store_shadow_make(const char *path, struct store_shadow **out);
const char *store_shadow_path(const struct store_shadow *shadow);
/* Delete it. NULL: nothing. */
void store_shadow_remove(struct store_shadow *shadow);

#endif
