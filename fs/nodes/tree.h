/*
 * What a name in the mount can be, what each kind does, and its st_ino: pure
 * tables (tree.def).
 *
 * st_ino is the same after a remount and for every nodeid that a name gets:
 *
 *	| class: 4 | container: 28 | number: 32 |
 *
 *	1  an object of the catalog     0, object id
 *	2  a series                     group or policy id, series id
 *	3  a fixed name                 kind, database or policy id
 *	4  a text below query/          60 bits of its hash
 *	5  a scratch file               counted since the mount
 *	6  something in a snapshot      60 bits of a hash
 */
#ifndef FS_NODES_TREE_H
#define FS_NODES_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "engine/base/slice.h"

enum kind {
#define KIND(kind, ...) KIND_##kind,
#define NAME(...)
#define CALLS(...)
#include "fs/nodes/tree.def"
#undef KIND
#undef NAME
#undef CALLS
	KIND_COUNT
};

enum call {
	CALL_MKDIR,
	CALL_CREATE,
	CALL_SYMLINK,
	CALL_LIST,
	CALL_READ,
	CALL_WRITE,
	CALL_TRUNCATE,
	CALL_RENAME,
	CALL_REMOVE,
	CALL_CHMOD,
	CALL_CHOWN,
	CALL_TIMES,
	CALL_COUNT
};

/* Whose permission bits a kind shows, and which of them. */
enum tree_mode {
	MODE_OWN,	    /* kept in the catalog */
	MODE_SCRATCH,	    /* kept with the scratch file */
	MODE_FROZEN,	    /* as when the snapshot was made; what writes is EROFS all the same */
	MODE_PUBLIC_DIR,    /* r and x for all */
	MODE_PUBLIC,	    /* r for all */
	MODE_PUBLIC_CLEAR,  /* the same, and the owner may truncate */
	MODE_PRIVATE,	    /* the owner of the mount */
	MODE_DATABASE,	    /* the database's */
	MODE_DATABASE_DATA, /* its r and w */
	MODE_DATABASE_ASK,  /* its r */
	MODE_DATABASE_ASK_DIR, /* its r, and x with it */
	MODE_DATABASE_EXEC,    /* its r, and w with it: statements are checked one by one */
	MODE_DATABASE_WRITE,   /* its w */
	MODE_POLICY_DATA,      /* the policy's r and w */
	MODE_POLICY_WRITE,     /* its w */
};

/*
 * Where a name points: a kind and the numbers that tell it from others of the
 * kind. Unused ones are 0. No padding: places are compared as bytes.
 */
struct place {
	uint32_t kind; /* enum kind */
	uint32_t database_id;
	uint32_t policy_id;
	uint32_t group_id;
	uint32_t object_id; /* in the catalog; of QUERY, PREFIX, ANSWER: a snapshot's number */
	uint32_t series_id; /* of SERIES and SERIES_ALL; ID_NONE until its first point */
	uint64_t unique;    /* of a scratch file, an answer, something in a snapshot */
};
_Static_assert(sizeof(struct place) == 32, "no padding between the numbers");

const char *tree_word(enum kind kind);
mode_t tree_type(enum kind kind); /* S_IFDIR, S_IFREG, S_IFLNK */
enum tree_mode tree_mode(enum kind kind);
/* The permission bits of `mode`, given those of the object that lends them. */
uint32_t tree_bits(enum tree_mode mode, uint32_t lender);
/* 0 when the kind does it, else the errno it always gives. */
int tree_call(enum kind kind, enum call call);
/*
 * The name that resolves in a directory of kind `dir` and is not listed: with what stands behind it
 * in `rest`. False: `name` begins with none.
 */
bool tree_find_name(enum kind dir, struct slice name, enum kind *kind, struct slice *rest);
/* That name of a kind; "" when it has none. */
const char *tree_name(enum kind kind);
bool tree_is_series(enum kind kind);
/* `text` is what is below query/ for PREFIX and ANSWER, else empty. */
uint64_t tree_ino(const struct place *place, struct slice text);

#endif
