/*
 * Keeps additions until the log and the journal have them.
 *
 * Why: a writer of new series must not wait for the disk under the lock of all. Memory has an
 * addition at once; it waits here until a row that names it is logged (index_write), and goes
 * into the log first: a row whose names the log lacks would be a row of a stranger after a crash.
 */
#include <assert.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/names/index_inner.h"

/* Damage takes a record of the journal at a time: the shorter they are, the fewer names are lost.
 */
#define RECORD_BYTES_USUAL 4096u
/* A record of the log is longer by what else a commit holds, and has its own bound. */
#define LOGGED_BYTES_USUAL (1u << 20)

void index_keep_waiting(struct index *index, struct slice additions)
{
	buf_append_slice(&index->waiting, additions);
	if (index->waiting.length - index->record_begins >= RECORD_BYTES_USUAL) {
		index->record_begins = index->waiting.length;
		buf_append(&index->record_ends, &index->record_begins, sizeof(size_t));
	}
	atomic_store(&index->is_waiting, true);
}

int index_commit(struct index *index)
{
	uint64_t refused = index->tables.refused;
	int err;

	if (!index->journal)
		return ERR_READ_ONLY;
	err = tables_apply(&index->tables, buf_slice(&index->record));
	assert(err == OK && index->tables.refused == refused);
	index_keep_waiting(index, buf_slice(&index->record));
	return OK;
}

/* In pieces of whole records, each of which the log can hold. */
static int log_waiting(struct index *index)
{
	size_t count = index->record_ends.length / sizeof(size_t), from = 0;
	const size_t *ends = (const size_t *)(const void *)index->record_ends.data;

	if (!index->log)
		return OK;
	for (size_t i = 0; i < count; i++) {
		if (ends[i] - from < LOGGED_BYTES_USUAL)
			continue;
		TRY(index->log(index->log_arg, index->database_id,
			       slice_of(index->waiting.data + from, ends[i] - from)));
		from = ends[i];
	}
	if (from == index->waiting.length)
		return OK;
	return index->log(index->log_arg, index->database_id,
			  slice_from(buf_slice(&index->waiting), from));
}

static int write_waiting(struct index *index)
{
	size_t count = index->record_ends.length / sizeof(size_t), from = 0;
	const size_t *ends = (const size_t *)(const void *)index->record_ends.data;
	struct journal_record *records = malloc((count + 1) * sizeof(*records));
	int err;

	if (!records)
		log_out_of_memory(count * sizeof(*records));
	for (size_t i = 0; i < count; from = ends[i++])
		records[i] = (struct journal_record){ index->sequence + i + 1,
						      slice_of(index->waiting.data + from,
							       ends[i] - from) };
	if (from < index->waiting.length) {
		records[count] =
			(struct journal_record){ index->sequence + count + 1,
						 slice_from(buf_slice(&index->waiting), from) };
		count++;
	}
	err = journal_append(index->journal, records, count);
	free(records);
	if (err < 0)
		return err;
	index->sequence += count;
	index->record_begins = 0;
	buf_release(&index->waiting);
	buf_reset(&index->record_ends);
	atomic_store(&index->is_waiting, false);
	return OK;
}

int index_write(struct index *index)
{
	int err = OK;

	if (!atomic_load(&index->is_waiting))
		return OK;
	change(index);
	/* The log first: a writer that finds nothing waiting logs rows behind the names of all. */
	if (atomic_load(&index->is_waiting))
		err = log_waiting(index);
	if (err == OK && atomic_load(&index->is_waiting))
		err = write_waiting(index);
	unlock(index);
	return err;
}

void index_set_log(struct index *index, uint32_t database_id, index_log *log, void *arg)
{
	change(index);
	index->database_id = database_id;
	index->log = log;
	index->log_arg = arg;
	unlock(index);
}
