/*
 * What a test and the library in front of libc's calls share: one page of memory, a file that
 * FAIL_PAGE names. The test writes orders into it, the library counts there.
 */
#ifndef TESTS_TORTURE_CALLS_FAIL_H
#define TESTS_TORTURE_CALLS_FAIL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FAIL_LOG_MAX  4096u
#define FAIL_PATH_MAX 200u

enum fail_call {
	CALL_OPEN, /* of a file that is there */
	CALL_CREATE,
	CALL_CLOSE,
	CALL_READ,
	CALL_WRITE,
	CALL_SYNC,
	CALL_TRUNCATE,
	CALL_ALLOCATE,
	CALL_RENAME,
	CALL_LINK,
	CALL_UNLINK,
	CALL_MKDIR,
	CALL_RMDIR,
	CALL_OPENDIR,
	CALL_READDIR,
	CALL_STAT,
	CALL_MAP,
	CALL_LOCK,
	CALL_STATVFS,
	CALL_KINDS
};

/* How a call fails: an errno, or what a disk does without one. */
enum fail_way {
	FAIL_EIO,
	FAIL_ENOSPC,
	FAIL_EDQUOT,
	FAIL_EMFILE,
	FAIL_ENOMEM,
	FAIL_SHORT, /* half of a write is written; of those that follow for good, nothing: ENOSPC */
	FAIL_LOST,  /* a sync fails, and what was written since the last one reads as zeros */
	FAIL_WAYS
};

struct fail_page {
	_Atomic uint64_t count; /* calls on files below FAIL_DIR so far */
	_Atomic uint64_t at;	/* the first that fails, counted from 1; 0: none */
	_Atomic uint32_t way;	/* enum fail_way */
	_Atomic uint32_t
		always; /* that one and all later ones that can fail so; 0: only that one */
	_Atomic uint64_t failed; /* calls that were made to fail */
	/* Syncs of files whose path holds `hold_match` wait while this is 1. */
	_Atomic uint32_t hold;
	_Atomic uint32_t held; /* those that wait now */
	char hold_match[64];
	char what[FAIL_PATH_MAX];	 /* the last call that failed: its name and file */
	_Atomic uint8_t kinds[1u << 16]; /* of the first calls: enum fail_call + 1 */
};

/* Can a call fail so? */
static inline bool fail_fits(enum fail_call call, enum fail_way way)
{
	switch (way) {
	case FAIL_EIO: return call != CALL_MAP && call != CALL_LOCK && call != CALL_RMDIR;
	case FAIL_EDQUOT:
	case FAIL_ENOSPC:
		return call == CALL_CREATE || call == CALL_WRITE || call == CALL_SYNC ||
		       call == CALL_ALLOCATE || call == CALL_RENAME || call == CALL_LINK ||
		       call == CALL_MKDIR;
	case FAIL_EMFILE: return call == CALL_OPEN || call == CALL_CREATE || call == CALL_OPENDIR;
	case FAIL_ENOMEM:
		return call != CALL_CLOSE && call != CALL_READ && call != CALL_WRITE &&
		       call != CALL_SYNC && call != CALL_TRUNCATE && call != CALL_STATVFS;
	case FAIL_SHORT: return call == CALL_WRITE;
	case FAIL_LOST: return call == CALL_SYNC;
	case FAIL_WAYS: break;
	}
	return false;
}

/* Makes the page in `dir` and begins the program anew behind the library, over `dir`/data. */
void fail_page_begin(char **argv, const char *dir);
struct fail_page *fail_page_attach(void);

#endif
