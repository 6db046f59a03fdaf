/*
 * The struct behind index.h, its lock, and what its files do for each other. Private to
 *
 *	index.c           finds numbers, and gives new ones
 *	index_look.c      what stands behind a number
 *	index_waiting.c   additions on their way to the log and the journal
 *	index_made_up.c   names for what damage took
 *	index_open.c      from the journal into memory, and back
 */
#ifndef ENGINE_NAMES_INDEX_INNER_H
#define ENGINE_NAMES_INDEX_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/log/journal.h"
#include "engine/names/index.h"
#include "engine/names/index_tables.h"

struct spelling {
	const char *bytes;
	uint32_t length;
	uint32_t series_id;
};

struct index {
	_Atomic unsigned references;
	pthread_rwlock_t lock; /* protects everything below but journal_sync() */
	struct tables tables;
	struct map spelling_ids;
	struct spelling *spellings;
	uint32_t spelling_count, spelling_capacity;
	uint32_t canonical_spellings;
	size_t canonical_spelling_bytes, spelling_bytes;
	struct journal *journal;   /* NULL when read-only; it rests once it is synced */
	pthread_mutex_t sync_lock; /* one sync at a time; taken before lock */
	bool was_damaged;	   /* set once */
	struct buf gaps; /* set once; struct gap: records that it lacked when it was opened */
	uint64_t records_opened; /* set once; number of the last */
	_Atomic uint64_t records_synced;
	bool has_made_up; /* names for what was lost, made up since it was opened */
	atomic_bool any_made_up;
	struct buf record;	/* what is being added */
	struct buf waiting;	/* additions that are not in the journal */
	struct buf record_ends; /* size_t: where its records but the last end */
	index_log *log;		/* NULL: none */
	uint32_t database_id;	/* for it */
	void *log_arg;
	size_t record_begins;	 /* the last of them */
	_Atomic bool is_waiting; /* read without the lock; cleared when they are */
	uint64_t sequence;	 /* of the last record */
	uint32_t series_max;
};

/*
 * The lock is held for a microsecond, and to sleep and be woken takes ten: two
 * writers of new series took six times as long as one before they tried again
 * for a while.
 */
#define SPINS_MAX 200

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static inline void look(const struct index *index)
{
	pthread_rwlock_t *lock = (pthread_rwlock_t *)&index->lock;

	for (int i = 0; i < SPINS_MAX; i++, relax())
		if (pthread_rwlock_tryrdlock(lock) == 0)
			return;
	pthread_rwlock_rdlock(lock);
}

static inline void change(struct index *index)
{
	int i = 0;

	while (pthread_rwlock_trywrlock(&index->lock) != 0) {
		if (++i == SPINS_MAX) {
			pthread_rwlock_wrlock(&index->lock);
			break;
		}
		relax();
	}
	buf_reset(&index->record);
}

static inline void unlock(const struct index *index)
{
	pthread_rwlock_unlock((pthread_rwlock_t *)&index->lock);
}

/* --- index.c --- */

void index_init_spellings(struct index *index);
/* Under the lock for changes: the additions that a new series needs, behind index->record. */
void index_print_series(struct index *index, uint32_t series_id, struct slice measurement,
			const struct tag *tags, size_t tag_count);

/* --- index_waiting.c --- */

/* Under the lock for changes: index->record into memory, and behind what waits for the file. */
int index_commit(struct index *index);
/* Under the lock for changes: additions that memory has go behind what waits for the file. */
void index_keep_waiting(struct index *index, struct slice additions);

/* --- index_made_up.c --- */

/* A name for all that has a number and none, before anything is added. */
int index_fill_holes(struct index *index);
/* Names that were made up in an earlier run look like others now, so they are known by their text.
 */
bool index_has_made_up_names(struct index *index);

#endif
