/*
 * The write-ahead log's segments; wal.h tells what is in them.
 *
 * Why segments: what a flush has moved into shards is given back to the disk by deleting whole
 * files, and a record is never copied.
 */
#include "engine/log/wal.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/bytes.h"
#include "engine/base/counters.h"
#include "engine/base/crash.h"
#include "engine/base/env.h"
#include "engine/base/log.h"
#include "engine/directory/paths.h"
#include "engine/log/journal.h"

#define SHORT_BYTES    (UINT64_C(1) << 20) /* some 20,000 rows, replayed within 50 ms */
#define SHORT_SEGMENTS 16		   /* each start adds one */

struct wal {
	struct path dir;
	bool read_only;
	pthread_mutex_t lock;	   /* appending */
	struct journal *journal;   /* protected by lock */
	uint64_t segment;	   /* protected by lock; of `journal` */
	uint64_t sequence;	   /* protected by lock */
	uint64_t older_bytes;	   /* protected by lock; in segments before */
	uint64_t older_count;	   /* protected by lock; of segments before */
	bool failed;		   /* protected by lock; a segment before could not be synced */
	pthread_mutex_t sync_lock; /* taken before `lock` */
	uint64_t sequence_synced;  /* protected by sync_lock */
};

static struct path segment_path(const struct wal *wal, uint64_t segment)
{
	return path_segment(wal->dir.text, segment);
}

/* --- segments on disk ----------------------------------------------------------- */

struct segment_list {
	uint64_t *numbers;
	size_t count, capacity;
};

static int add_segment(void *arg, const char *name)
{
	struct segment_list *list = arg;
	char *end;
	unsigned long long number = strtoull(name, &end, 10);

	if (*end || end == name)
		return OK; /* a .torn copy, kept for people */
	grow(&list->numbers, list->count, &list->capacity);
	list->numbers[list->count++] = number;
	return OK;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int list_segments(const struct wal *wal, struct segment_list *list)
{
	*list = (struct segment_list){ 0 };
	int err = env_list(wal->dir.text, add_segment, list);
	if (err < 0 && err != ERR_NOT_FOUND)
		return err;
	if (list->count)
		qsort(list->numbers, list->count, sizeof(*list->numbers), compare_numbers);
	return OK;
}

/* --- replay ----------------------------------------------------------------------- */

struct replay {
	struct wal *wal;
	int (*each)(void *arg, uint64_t sequence, struct slice payload);
	void *arg;
	struct buf refused; /* uint64_t: sequences of a segment that were not taken, ascending */
};

static int replay_record(void *arg, uint64_t sequence, struct slice payload)
{
	struct replay *replay = arg;

	if (sequence > replay->wal->sequence)
		replay->wal->sequence = sequence;
	int err = replay->each(replay->arg, sequence, payload);
	if (err != END)
		return err;
	buf_append_u64(&replay->refused, sequence);
	return OK;
}

static bool was_refused(void *arg, uint64_t sequence)
{
	const struct replay *replay = arg;
	const uint64_t *refused = (const uint64_t *)(const void *)replay->refused.data;
	size_t low = 0, high = replay->refused.length / sizeof(*refused);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (refused[middle] == sequence)
			return true;
		if (refused[middle] < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/*
 * A number that such a record has for a name may be given to another name from now on: the next
 * replay would take the record for one of that name.
 */
static int set_aside(struct replay *replay, const char *path)
{
	uint64_t left;

	if (replay->refused.length == 0 || replay->wal->read_only)
		return OK;
	struct path to = path_with(path, ".torn");
	TRY(journal_divide(path, to.text, was_refused, replay, &left));
	log_warning("%s: %llu records were moved to %s", path, (unsigned long long)left, to.text);
	buf_reset(&replay->refused);
	return OK;
}

/*
 * Of what a process left that was killed, all may still be in the page cache alone. A later
 * segment that is synced promises that the earlier ones are.
 */
static int sync_segment(struct wal *wal, const char *path)
{
	uint64_t size;
	int fd;

	if (wal->read_only)
		return OK;
	TRY(env_open_append(path, &fd, &size));
	int err = size > JOURNAL_HEADER_BYTES ? env_sync(fd) : OK;
	env_close(fd);
	wal->older_bytes += size;
	wal->older_count++;
	return err;
}

static void tell_damage(const char *path, const struct journal_damage *damage)
{
	if (damage->tail_bytes)
		log_warning("%s: %llu bytes after the last whole record were not taken", path,
			    (unsigned long long)damage->tail_bytes);
	if (damage->bytes_skipped || damage->records_lost_min)
		log_error("%s: %llu damaged bytes in the middle were passed over, at least %llu "
			  "records are lost",
			  path, (unsigned long long)damage->bytes_skipped,
			  (unsigned long long)damage->records_lost_min);
}

static int replay_segments(struct replay *replay, const struct segment_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct journal_damage damage = { 0 };

		struct path path = segment_path(replay->wal, list->numbers[i]);
		TRY(journal_replay(path.text, replay_record, replay, &damage));
		tell_damage(path.text, &damage);
		TRY(set_aside(replay, path.text));
		TRY(sync_segment(replay->wal, path.text));
		replay->wal->segment = list->numbers[i];
	}
	return OK;
}

struct additions {
	uint32_t database_id;
	struct buf *out;
};

static int add_names(void *arg, uint64_t sequence, struct slice payload)
{
	const struct additions *names = arg;
	struct slice additions;
	uint32_t database_id;

	if (wal_names_decode(payload, &database_id, &additions) &&
	    database_id == names->database_id)
		buf_append_slice(names->out, additions);
	return OK;
}

int wal_names(const char *dir, uint32_t database_id, struct buf *out)
{
	struct additions additions = { database_id, out };
	struct wal wal = { 0 };
	struct segment_list list;

	wal.dir = path_with(dir, "");
	TRY(list_segments(&wal, &list));
	int err = OK;
	for (size_t i = 0; err == OK && i < list.count; i++) {
		struct journal_damage damage;
		struct path path = segment_path(&wal, list.numbers[i]);
		err = journal_replay(path.text, add_names, &additions, &damage);
	}
	free(list.numbers);
	return err;
}

/*
 * Go on in a new segment; gives the journal of the one before (NULL at the start), which is not
 * synced yet. On failure the log goes on in the segment that it had.
 */
static int next_segment(struct wal *wal, struct journal **full, uint64_t *sequence)
{
	/* Only the holder of sync_lock changes the number. */
	struct path path = segment_path(wal, wal->segment + 1);
	struct journal *journal;

	TRY(journal_open(path.text, &journal));
	pthread_mutex_lock(&wal->lock);
	*full = wal->journal;
	*sequence = wal->sequence;
	wal->older_bytes += *full ? journal_bytes(*full) : 0;
	wal->older_count += *full != NULL;
	wal->journal = journal;
	wal->segment++;
	pthread_mutex_unlock(&wal->lock);
	return OK;
}

int wal_open(const char *dir, bool read_only, uint64_t sequence,
	     int (*each)(void *arg, uint64_t sequence, struct slice payload), void *arg,
	     struct wal **out)
{
	struct wal *wal = calloc(1, sizeof(*wal));
	struct segment_list list = { 0 };

	if (!wal)
		return ERR_MEMORY;
	wal->dir = path_with(dir, "");
	wal->read_only = read_only;
	wal->sequence = sequence;
	pthread_mutex_init(&wal->lock, NULL);
	pthread_mutex_init(&wal->sync_lock, NULL);
	int err = read_only ? OK : env_mkdir(dir);
	if (err == OK)
		err = list_segments(wal, &list);
	struct replay replay = { wal, each, arg, { 0 } };
	if (err == OK)
		err = replay_segments(&replay, &list);
	buf_release(&replay.refused);
	struct journal *none;
	if (err == OK && !read_only)
		err = next_segment(wal, &none, &wal->sequence_synced);
	free(list.numbers);
	if (err < 0) {
		wal_close(wal);
		return err;
	}
	*out = wal;
	return OK;
}

void wal_close(struct wal *wal)
{
	if (!wal)
		return;
	if (wal->journal)
		journal_close(wal->journal);
	pthread_mutex_destroy(&wal->lock);
	pthread_mutex_destroy(&wal->sync_lock);
	free(wal);
}

/* --- appending ---------------------------------------------------------------------- */

int wal_append(struct wal *wal, struct slice payload, uint64_t *sequence)
{
	if (wal->read_only)
		return ERR_READ_ONLY;
	pthread_mutex_lock(&wal->lock);
	struct journal_record record = { wal->sequence + 1, payload };
	int err = wal->failed ? ERR_IO : journal_append(wal->journal, &record, 1);
	if (err == OK)
		*sequence = ++wal->sequence;
	pthread_mutex_unlock(&wal->lock);
	if (err == OK)
		counter_add(COUNTER_WAL_BYTES, payload.length + 16);
	return err;
}

uint64_t wal_sequence(struct wal *wal)
{
	pthread_mutex_lock(&wal->lock);
	uint64_t sequence = wal->sequence;
	pthread_mutex_unlock(&wal->lock);
	return sequence;
}

void wal_pass(struct wal *wal, uint64_t sequence)
{
	pthread_mutex_lock(&wal->lock);
	if (wal->sequence < sequence)
		wal->sequence = sequence;
	pthread_mutex_unlock(&wal->lock);
}

uint64_t wal_bytes(struct wal *wal)
{
	pthread_mutex_lock(&wal->lock);
	uint64_t bytes = wal->older_bytes + (wal->journal ? journal_bytes(wal->journal) : 0);
	pthread_mutex_unlock(&wal->lock);
	return bytes;
}

bool wal_is_short(struct wal *wal)
{
	pthread_mutex_lock(&wal->lock);
	bool few = wal->older_count < SHORT_SEGMENTS;
	pthread_mutex_unlock(&wal->lock);
	return few && wal_bytes(wal) < SHORT_BYTES;
}

int wal_sync(struct wal *wal)
{
	uint64_t wanted = wal_sequence(wal);
	int err = OK;

	if (wal->read_only)
		return OK;
	pthread_mutex_lock(&wal->sync_lock);
	if (wal->sequence_synced < wanted) {
		/* Rotation needs sync_lock too, so the journal stays. */
		uint64_t now = wal_sequence(wal);

		err = wal->failed ? ERR_IO : journal_sync(wal->journal);
		counter_add(COUNTER_WAL_SYNCS, 1);
		if (err == OK)
			wal->sequence_synced = now;
		assert(err < 0 || !wal->failed); /* I14: what came before is on the disk, too */
	}
	assert(err < 0 || wal->sequence_synced >= wanted); /* I2 */
	pthread_mutex_unlock(&wal->sync_lock);
	return err;
}

/*
 * Writers go on in the new segment while the disk works on the old one. Nobody is told meanwhile
 * that what is in the new one is durable: that takes sync_lock, which is held until the end.
 */
int wal_rotate_begin(struct wal *wal, struct wal_rotation *rotation)
{
	pthread_mutex_lock(&wal->sync_lock);
	int err = next_segment(wal, &rotation->full, &rotation->sequence);
	if (err < 0)
		pthread_mutex_unlock(&wal->sync_lock);
	else
		rotation->segment = wal->segment;
	return err;
}

int wal_rotate_end(struct wal *wal, struct wal_rotation *rotation)
{
	int err = journal_sync(rotation->full);

	journal_close(rotation->full);
	if (err == OK) {
		wal->sequence_synced = rotation->sequence;
	} else {
		pthread_mutex_lock(&wal->lock);
		wal->failed = true;
		pthread_mutex_unlock(&wal->lock);
	}
	pthread_mutex_unlock(&wal->sync_lock);
	return err;
}

int wal_rotate(struct wal *wal, uint64_t *segment)
{
	struct wal_rotation rotation;

	TRY(wal_sync(wal));
	TRY(wal_rotate_begin(wal, &rotation));
	*segment = rotation.segment;
	return wal_rotate_end(wal, &rotation);
}

int wal_link(struct wal *wal, uint64_t segment, const char *dir)
{
	struct segment_list list;

	TRY(list_segments(wal, &list));
	int err = OK;
	for (size_t i = 0; err == OK && i < list.count && list.numbers[i] < segment; i++) {
		struct path from = segment_path(wal, list.numbers[i]);

		err = env_link(from.text, path_segment(dir, list.numbers[i]).text);
	}
	free(list.numbers);
	return err;
}

int wal_trim(struct wal *wal, uint64_t segment)
{
	struct segment_list list;

	TRY(list_segments(wal, &list));
	for (size_t i = 0; i < list.count && list.numbers[i] < segment; i++) {
		struct path path = segment_path(wal, list.numbers[i]);
		int err = env_unlink(path.text);

		if (err < 0 && err != ERR_NOT_FOUND)
			log_warning("%s could not be deleted: %s", path.text, err_text(err));
		crash_at(CRASH_FLUSH_SEGMENT_DELETED);
	}
	free(list.numbers);
	pthread_mutex_lock(&wal->lock);
	if (wal->segment == segment)
		wal->older_bytes = wal->older_count = 0;
	pthread_mutex_unlock(&wal->lock);
	return OK;
}
