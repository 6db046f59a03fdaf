/*
 * The answers that are kept: which of them still holds for a caller, and which has to go.
 *
 * Why an answer names what it read: the same text asked again costs nothing as long as no database
 * that it read has changed. And it is shared only among callers with the rights that it took, else
 * one would read what another may not.
 */
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "fs/answers/answer_inner.h"

/* Looking up again so soon after it was ready runs nothing, whatever changed. */
#define REUSE_NS    NS_PER_SECOND
#define ANSWERS_MAX 1024u

struct answer_table *answer_table_new(uint64_t bytes_max)
{
	struct answer_table *table = calloc(1, sizeof(*table));

	if (!table)
		log_out_of_memory(sizeof(*table));
	pthread_mutex_init(&table->lock, NULL);
	table->bytes_max = bytes_max;
	table->number_next = 1;
	return table;
}

void answer_unref(struct answer *answer)
{
	if (atomic_fetch_sub(&answer->references, 1) != 1)
		return;
	buf_release(&answer->bytes);
	buf_release(&answer->text);
	notes_release(&answer->notes);
	free(answer);
}

void answer_table_free(struct answer_table *table)
{
	for (struct answer *answer = table->first, *next; answer; answer = next) {
		next = answer->next;
		answer_unref(answer);
	}
	pthread_mutex_destroy(&table->lock);
	free(table);
}

uint64_t answer_table_bytes(struct answer_table *table)
{
	uint64_t bytes;

	pthread_mutex_lock(&table->lock);
	bytes = table->bytes;
	pthread_mutex_unlock(&table->lock);
	return bytes;
}

bool answer_has_waiters(struct answer_table *table)
{
	return atomic_load(&table->wait_count) > 0;
}

/* --- the list; all of these are called with its lock --- */

void answer_unlink(struct answer_table *table, struct answer *answer)
{
	struct answer **link = &table->first;

	if (!answer->linked)
		return;
	while (*link != answer)
		link = &(*link)->next;
	*link = answer->next;
	answer->linked = false;
	table->count--;
	if (answer->state == ANSWER_READY)
		table->bytes -= answer->bytes.length;
	answer_unref(answer);
}

/* For an answer that no file has open: frees its memory. A caller that still has its nodeid gets
 * ESTALE, and the kernel looks the name up again. */
static void evict(struct answer_table *table, struct answer *answer)
{
	atomic_fetch_add(&answer->references, 1);
	answer_unlink(table, answer);
	answer->state = ANSWER_GONE;
	buf_release(&answer->bytes);
	answer_unref(answer);
}

/* The list is newest first, so the last one that fits is the oldest. */
static struct answer *oldest_evictable(struct answer_table *table)
{
	struct answer *oldest = NULL;

	for (struct answer *answer = table->first; answer; answer = answer->next)
		if (answer->state != ANSWER_RUNNING && answer->open_count == 0)
			oldest = answer;
	return oldest;
}

void answer_table_make_room(struct answer_table *table)
{
	while (table->bytes > table->bytes_max || table->count > ANSWERS_MAX) {
		struct answer *oldest = oldest_evictable(table);

		/* Keep the newest, however large: its caller is about to open it, and would else
		 * evaluate it again and again. */
		if (!oldest || oldest == table->first)
			return;
		evict(table, oldest);
	}
}

/* Would the query give the same now? It would when neither names nor any database that it read were
 * changed since it began. */
static bool is_unchanged(const struct answer *answer)
{
	struct mount *mount = answer->mount;

	if (answer->place.object_id)
		return answer->keeps; /* a snapshot's */
	if (!answer->keeps || answer->databases_overflow ||
	    catalog_version(mount->catalog) != answer->catalog_version)
		return false;
	for (size_t i = 0; i < answer->database_count; i++)
		if (engine_database_version(mount->engine, answer->databases[i].id) !=
		    answer->databases[i].version)
			return false;
	return true;
}

static bool still_holds(struct answer *answer)
{
	switch (answer->state) {
	case ANSWER_RUNNING: return !atomic_load_explicit(&answer->cancelled, memory_order_relaxed);
	case ANSWER_GONE: return false;
	default:
		return env_monotonic_ns() - answer->ready_ns < REUSE_NS ||
		       (answer->state != ANSWER_FAILED && is_unchanged(answer));
	}
}

/*
 * While a LOOKUP waits its caller is there, and all that wait for what runs are of one caller
 * (is_for). Read at once, the groups would cost a small query a quarter more.
 */
void answer_learn_groups(struct answer *answer)
{
	for (struct wait *wait = answer->waits; wait; wait = wait->next)
		if (wait->kind == WAIT_LOOKUP)
			caller_learn_groups(wait->req, &answer->caller);
}

/* An answer that another caller's LOOKUP began is shared only when it is known which rights it
 * took: then it is for every caller that has them. */
static bool is_for(struct answer *answer, fuse_req_t req, struct caller *caller)
{
	/* Of a refusal `errors` told the asker alone: another one asks, and is told. */
	if (answer->state == ANSWER_FAILED && caller->uid != answer->caller.uid)
		return false;
	if (answer->state != ANSWER_RUNNING && !answer->notes.is_personal)
		return notes_hold_for(&answer->notes, answer->mount, req, caller);
	answer_learn_groups(answer);
	caller_learn_groups(req, caller);
	return caller_equal(&answer->caller, caller) &&
	       (answer->state == ANSWER_RUNNING ||
		notes_hold_for(&answer->notes, answer->mount, req, caller));
}

struct answer *answer_find(struct answer_table *table, const struct place *place, struct slice text,
			   fuse_req_t req, struct caller *caller)
{
	for (struct answer *answer = table->first; answer; answer = answer->next)
		if (answer->place.database_id == place->database_id &&
		    answer->place.object_id == place->object_id &&
		    slice_equal(buf_slice(&answer->text), text) && still_holds(answer) &&
		    is_for(answer, req, caller))
			return answer;
	return NULL;
}

struct answer *answer_add(struct mount *mount, const struct place *place, struct slice text,
			  const struct caller *caller)
{
	struct answer_table *table = mount->answers;
	struct answer *answer = calloc(1, sizeof(*answer));

	if (!answer)
		log_out_of_memory(sizeof(*answer));
	answer->mount = mount;
	answer->number = table->number_next++;
	answer->place = *place;
	answer->place.unique = answer->number;
	answer->caller = *caller;
	answer->notes.is_past = place->object_id != 0;
	buf_append_slice(&answer->text, text);
	atomic_init(&answer->references, 2); /* the table's and the job's */
	answer->time_ns = env_now_ns();
	answer->linked = true;
	answer->next = table->first;
	table->first = answer;
	table->count++;
	answer_table_make_room(table);
	return answer;
}
