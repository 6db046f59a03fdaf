/*
 * What a crash may leave of a recorded directory.
 *
 *	recording ─► nodes (files and directories, with their bytes in order)
 *	          └► name operations (a name comes, goes, moves), each with those that it rests on
 *	           ─► a choice: at which record the crash comes, which name operations and how many
 *	              bytes of each file had reached the disk ─► a directory
 *
 * What must be there is what was synced; rules tell what else a sync brings along:
 *
 *	RULE_JOURNAL  ext4, xfs: names reach the disk in order, and a sync of anything that
 *	              changed takes all earlier ones with it. Data that nobody synced stays out.
 *	RULE_OWN      btrfs and the like: a sync of a file takes its own names with it, one of a
 *	              directory those in it; all others in order, up to some moment before
 *	RULE_STRICT   POSIX: our own names by a sync of their directory alone, others in any order;
 *	              LevelDB's as in RULE_OWN, which it needs
 */
#ifndef TESTS_TORTURE_IMAGE_H
#define TESTS_TORTURE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "tests/torture/states/record.h"

/* Room for one more in an array that doubles. */
void *grown(void *items, size_t count, size_t size);

enum rule { RULE_JOURNAL, RULE_OWN, RULE_STRICT };

struct recording;

/* A workload's own marks are in it, too. NULL: it says on stderr why not. */
struct recording *recording_open(const char *path);
void recording_close(struct recording *recording);
size_t recording_count(const struct recording *recording);
/* The payload is behind it. */
const struct record *recording_at(const struct recording *recording, size_t index);
static inline const char *record_payload(const struct record *record)
{
	return (const char *)(record + 1);
}
/* One line: a record, for people. */
void recording_print(const struct recording *recording, size_t index, struct buf *out);

/* How a crash is made; the same numbers make the same one. */
struct choice {
	size_t at; /* records before it have happened */
	enum rule rule;
	unsigned variant;
	uint64_t seed;
	bool has_holes; /* filled in: bytes in the middle of a file may be lost */
	char text[200]; /* filled in: what it leaves out, for people */
};
/* From a number: the moment is aimed at what is worth it. */
void choice_make(const struct recording *recording, uint64_t seed, bool strict,
		 struct choice *choice);
/*
 * Write it below `path`, which is there and empty. Gives a hash of what is in it, so that equal
 * ones are known. Below 0: it could not be written.
 */
int choice_build(struct recording *recording, struct choice *choice, const char *path,
		 uint64_t *hash);
/* Is the directory what the recording comes to? Says what differs. */
bool recording_is_whole(struct recording *recording, const char *path, const char *made,
			struct buf *why);

#endif
