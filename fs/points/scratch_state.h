/*
 * What the files of scratch files share; the rest of fs/ sees scratch.h.
 *
 *	scratch_table.c ◄─ scratch_decide.c ◄─ scratch.c ◄─ scratch_rename.c
 *
 * Locks, in this order: the table's, a file's, spare_lock.
 */
#ifndef FS_POINTS_SCRATCH_STATE_H
#define FS_POINTS_SCRATCH_STATE_H

#include <pthread.h>

#include "fs/points/scratch.h"

struct scratch {
	uint64_t number;
	struct place dir;
	struct mount *mount;
	bool is_directory;     /* holds other scratch files, and nothing else */
	atomic_int references; /* the table's and the nodes' */

	pthread_mutex_t lock;
	/* protected by lock */
	char *name;
	struct buf bytes;
	struct attrs attrs;
	bool mtime_given;
	bool undecided; /* its first full line will tell whether it is a series of its own */
	bool became;	/* the series `series` with key `series_key`: never undone */
	struct place series;
	struct buf series_key;
	unsigned writer_count;
	int64_t closed_ns; /* monotonic, of the last writer; 0 = never */
	bool told;
	bool has_cut;
	uint64_t cut;

	/* protected by the table's lock */
	bool linked;
	struct scratch *next;
};

struct scratch_table {
	pthread_mutex_t lock;
	struct scratch *first;	    /* protected by lock */
	size_t count;		    /* protected by lock */
	uint64_t number_next;	    /* protected by lock */
	pthread_mutex_t spare_lock; /* the last of all */
	/* protected by spare_lock; the memory of a file that is done, for the next one: a restore
	 * makes file after file, and the kernel would give and clear pages for each. */
	struct buf spare;
	atomic_ullong bytes; /* of `held`, those of scratch files */
	struct budget *held; /* borrowed */
};

/* --- scratch_table.c --------------------------------------------------------- */

/* With a reference of the caller's; NULL when there is none of that number. */
struct scratch *scratch_take(struct scratch_table *table, uint64_t number);
void scratch_unref(struct scratch *scratch);
/* Onto the list, with a number of its own. */
void scratch_link(struct scratch_table *table, struct scratch *scratch);
/* Off the list, with the list's reference: no name leads to it any more. */
void scratch_unlink(struct scratch_table *table, struct scratch *scratch);
bool scratch_is_in(const struct scratch *scratch, const struct place *dir);
struct place scratch_place(const struct scratch *scratch);
/* Its name came, went or changed: the times of its directory. */
void scratch_touch_dir(const struct scratch *scratch);
/* With the file's lock. Room up to `bytes`; what lies in it before `zeros_end` is zero. */
int scratch_resize(struct scratch *scratch, uint64_t bytes, uint64_t zeros_end);
void scratch_drop_bytes(struct scratch *scratch);
/* The memory that is kept for the next file goes as well. */
void scratch_table_drop_spare(struct scratch_table *table);
/* Its rename replaces nothing any more: the engine forgets the instant that it was made at. */
void scratch_drop_cut(struct scratch *scratch);

/* --- scratch_decide.c, all with the file's lock -------------------------------- */

/* At birth: a name that a series could have waits for its first full line. */
void scratch_decide_by_name(struct mount *mount, struct scratch *scratch);
/* After this it is a series, or scratch for good, or still undecided. `final`: no more bytes come.
 */
void scratch_decide(struct scratch *scratch, bool final);
/* The series that a name in a group stands for; `key` is empty while only a line can tell. */
int scratch_series_of_name(struct mount *mount, const struct place *dir, struct slice name,
			   struct place *out, struct buf *key);
bool scratch_tells_no_key(struct slice name, const struct place *series);
/* The first line that is neither blank nor a comment. END: there is none yet. */
int scratch_first_line(struct slice text, bool final, struct slice *out);
/* Does a line carry the key of the series that `name` lists? Its canonical key goes to `key`. */
bool scratch_key_has_name(struct slice raw_key, struct slice name, struct buf *key);
/* The series that it became may have a number by now. */
void scratch_learn_number(struct mount *mount, struct scratch *scratch);

#endif
