/*
 * What a LevelDB would hold if it was opened, told from its files, none of which is changed.
 *
 * LevelDB takes a MANIFEST that was cut, or a log that is missing, for an older state of the same
 * thing, and deletes the tables that this state does not name. It cannot know better; a mark beside
 * its files can: the number of the last pair that a commit made durable.
 *
 *	DIRECTORY/mark   | checksum: 8 | sequence: 8 |   little-endian
 *
 * The mark is written after what it tells of was synced, and no sync covers it: a crash leaves one
 * that tells of less, or none. So a mark never calls a whole directory damaged. The log has one,
 * too: of the last record that was synced.
 */
#ifndef ENGINE_SHARD_STORE_FILES_H
#define ENGINE_SHARD_STORE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"

struct store_files {
	uint64_t sequence;  /* of the last pair; each put has its own, from 1 */
	uint64_t marked;    /* what the mark says; 0: there is none */
	bool exists;	    /* there is a LevelDB, or what is left of one */
	bool has_current;   /* CURRENT, without which LevelDB makes a new one */
	bool is_incomplete; /* a file is missing, or pairs in the middle of a log */
};

/*
 * ERR_NOT_PERMITTED: something in it is a link or no file, and diag names it. ERR_IO, ERR_MEMORY.
 * What cannot be understood is left for LevelDB to judge.
 */
int store_files_look(const char *path, struct store_files *out, struct diag *diag);
/* Is less there than the mark says, so that opening it would lose points? diag tells what. */
bool store_files_lack(const struct store_files *files, struct diag *diag);
void store_mark(const char *path, uint64_t sequence);
/*
 * DIRECTORY.mark, empty, tells that the directory itself was there once something was committed to
 * it. It is removed when the directory is dropped.
 */
void store_mark_beside(const char *path);
int store_is_marked_beside(const char *path, bool *marked);
int store_unmark_beside(const char *path);
uint64_t store_marked(const char *path); /* 0: there is none that could be read */
int store_mark_remove(const char *path);

#endif
