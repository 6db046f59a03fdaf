/*
 * Keeps the list of snapshots, and opens the engine of one when somebody first looks into it:
 * a mount with a hundred snapshots starts as fast as one with none.
 */
#include "fs/snapshots/frozen_engine.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"

struct frozen_table {
	pthread_mutex_t lock;
	struct frozen *first; /* protected by lock */
	uint32_t number_next; /* protected by lock */
};

static struct frozen *frozen_new(uint32_t database_id, struct slice name)
{
	struct frozen *frozen = calloc(1, sizeof(*frozen));

	if (!frozen)
		log_out_of_memory(sizeof(*frozen));
	frozen->database_id = database_id;
	frozen->name = strndup(name.data, name.length);
	if (!frozen->name)
		log_out_of_memory(name.length);
	atomic_init(&frozen->references, 1);
	pthread_mutex_init(&frozen->lock, NULL);
	return frozen;
}

/* With the table's lock. */
static void add(struct frozen_table *table, struct frozen *frozen)
{
	frozen->number = table->number_next++;
	frozen->next = table->first;
	table->first = frozen;
}

/* A snapshot of an earlier mount. */
static void add_kept(void *arg, uint32_t database_id, const char *name)
{
	add(arg, frozen_new(database_id, slice_of_text(name)));
}

struct frozen_table *frozen_table_new(struct mount *mount)
{
	struct frozen_table *table = calloc(1, sizeof(*table));
	struct object *databases;
	size_t count;

	if (!table)
		log_out_of_memory(sizeof(*table));
	pthread_mutex_init(&table->lock, NULL);
	table->number_next = 1;
	if (catalog_list(mount->catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count) < 0)
		return table;
	for (size_t i = 0; i < count; i++)
		engine_frozen(mount->engine, databases[i].id, add_kept, table);
	free(databases);
	return table;
}

void frozen_unref(struct frozen *frozen)
{
	if (atomic_fetch_sub(&frozen->references, 1) != 1)
		return;
	frozen_names_release(&frozen->names);
	if (frozen->engine)
		engine_close_frozen(frozen->engine);
	pthread_mutex_destroy(&frozen->lock);
	free(frozen->name);
	free(frozen);
}

void frozen_table_free(struct frozen_table *table)
{
	for (struct frozen *frozen = table->first, *next; frozen; frozen = next) {
		next = frozen->next;
		frozen_unref(frozen);
	}
	pthread_mutex_destroy(&table->lock);
	free(table);
}

/* --- looking into one ------------------------------------------------------------- */

static int open_locked(struct mount *mount, struct frozen *frozen)
{
	if (frozen->engine)
		return OK;
	TRY(engine_open_frozen(mount->engine, frozen->database_id, frozen->name, &frozen->engine));
	int err = frozen_names_copy(&frozen->names, frozen->engine, frozen->database_id);
	if (err < 0) {
		frozen_names_release(&frozen->names);
		engine_close_frozen(frozen->engine);
		frozen->engine = NULL;
	}
	return err;
}

/* Its engine and its entries are there afterwards. */
static int need_engine(struct mount *mount, struct frozen *frozen)
{
	pthread_mutex_lock(&frozen->lock);
	int err = open_locked(mount, frozen);
	pthread_mutex_unlock(&frozen->lock);
	return err;
}

/* With the table's lock. */
static struct frozen *find_number(struct frozen_table *table, uint32_t number)
{
	struct frozen *frozen = table->first;

	while (frozen && frozen->number != number)
		frozen = frozen->next;
	return frozen;
}

int frozen_take(struct mount *mount, uint32_t number, struct frozen **out)
{
	struct frozen_table *table = mount->frozen;
	struct frozen *frozen;

	pthread_mutex_lock(&table->lock);
	frozen = find_number(table, number);
	if (frozen)
		atomic_fetch_add(&frozen->references, 1);
	pthread_mutex_unlock(&table->lock);
	if (!frozen)
		return ERR_NOT_FOUND;
	int err = need_engine(mount, frozen);
	if (err < 0)
		frozen_unref(frozen);
	*out = frozen;
	return err;
}

int frozen_take_engine(struct mount *mount, uint32_t number, struct frozen **frozen,
		       struct engine **engine)
{
	*frozen = NULL;
	*engine = mount->engine;
	if (number == 0)
		return OK;
	TRY(frozen_take(mount, number, frozen));
	*engine = (*frozen)->engine;
	return OK;
}

void frozen_release_engine(struct frozen *frozen)
{
	if (frozen)
		frozen_unref(frozen);
}

int frozen_fill_series(struct frozen *frozen, struct frozen_entry *group)
{
	int err = OK;

	pthread_mutex_lock(&frozen->lock);
	if (!group->has_series) {
		err = engine_group_series(frozen->engine, group->policy_id, group->group_id,
					  &group->series_ids, &group->series_count);
		group->has_series = err == OK;
	}
	pthread_mutex_unlock(&frozen->lock);
	return err;
}

/* --- making and dropping ------------------------------------------------------------ */

static struct frozen *find_named(struct frozen_table *table, uint32_t database_id,
				 struct slice name)
{
	struct frozen *frozen = table->first;

	while (frozen && !(frozen->database_id == database_id &&
			   slice_equal(slice_of_text(frozen->name), name)))
		frozen = frozen->next;
	return frozen;
}

static size_t count_of_database(struct frozen_table *table, uint32_t database_id)
{
	size_t count = 0;

	for (struct frozen *frozen = table->first; frozen; frozen = frozen->next)
		count += frozen->database_id == database_id;
	return count;
}

static int check_room(struct mount *mount, uint32_t database_id)
{
	struct frozen_table *table = mount->frozen;

	pthread_mutex_lock(&table->lock);
	bool full = count_of_database(table, database_id) >= mount->options.snapshots_max;
	pthread_mutex_unlock(&table->lock);
	return full ? ERR_LIMIT : OK;
}

/* Two makers of one name: the engine lets one of them. */
int frozen_make(struct mount *mount, uint32_t database_id, struct slice name, uint32_t *number)
{
	struct frozen_table *table = mount->frozen;
	struct frozen *frozen;

	TRY(check_room(mount, database_id));
	frozen = frozen_new(database_id, name);
	int err = engine_freeze(mount->engine, frozen->database_id, frozen->name);
	if (err < 0) {
		frozen_unref(frozen);
		return err;
	}
	pthread_mutex_lock(&table->lock);
	add(table, frozen);
	*number = frozen->number;
	pthread_mutex_unlock(&table->lock);
	return OK;
}

int frozen_number(struct mount *mount, uint32_t database_id, struct slice name, uint32_t *number)
{
	struct frozen_table *table = mount->frozen;
	const struct frozen *frozen;

	pthread_mutex_lock(&table->lock);
	frozen = find_named(table, database_id, name);
	if (frozen)
		*number = frozen->number;
	pthread_mutex_unlock(&table->lock);
	return frozen ? OK : ERR_NOT_FOUND;
}

void frozen_each(struct mount *mount, uint32_t database_id,
		 void (*each)(void *arg, uint32_t number, struct slice name), void *arg)
{
	struct frozen_table *table = mount->frozen;

	pthread_mutex_lock(&table->lock);
	for (const struct frozen *frozen = table->first; frozen; frozen = frozen->next)
		if (frozen->database_id == database_id)
			each(arg, frozen->number, slice_of_text(frozen->name));
	pthread_mutex_unlock(&table->lock);
}

/* How long between two steps of one rm -r. */
#define REMOVER_NS (10 * NS_PER_SECOND)

void frozen_note_listing(struct mount *mount, uint32_t number, uint32_t pid)
{
	struct frozen_table *table = mount->frozen;
	struct frozen *frozen;

	pthread_mutex_lock(&table->lock);
	frozen = find_number(table, number);
	if (frozen) {
		frozen->remover_pid = pid;
		frozen->remover_ns = env_monotonic_ns();
	}
	pthread_mutex_unlock(&table->lock);
}

bool frozen_goes_on(struct mount *mount, uint32_t number, uint32_t pid)
{
	struct frozen_table *table = mount->frozen;
	int64_t now_ns = env_monotonic_ns();
	struct frozen *frozen;
	bool is;

	pthread_mutex_lock(&table->lock);
	frozen = find_number(table, number);
	is = frozen && frozen->remover_pid == pid && now_ns - frozen->remover_ns < REMOVER_NS;
	if (is)
		frozen->remover_ns = now_ns;
	pthread_mutex_unlock(&table->lock);
	return is;
}

int frozen_thaw(struct mount *mount, uint32_t number)
{
	struct frozen_table *table = mount->frozen;
	struct frozen *found = NULL;
	int err = ERR_NOT_FOUND;

	pthread_mutex_lock(&table->lock);
	for (struct frozen **link = &table->first; *link; link = &(*link)->next) {
		if ((*link)->number != number)
			continue;
		err = engine_thaw(mount->engine, (*link)->database_id, (*link)->name);
		if (err == OK) {
			found = *link;
			*link = found->next;
		}
		break;
	}
	pthread_mutex_unlock(&table->lock);
	if (found)
		frozen_unref(found);
	return err;
}

/* Else the table holds the engines of what is in the trash, and their room, until the unmount. */
void frozen_tick(struct mount *mount)
{
	struct frozen_table *table = mount->frozen;
	struct frozen *gone = NULL;
	struct object object;

	pthread_mutex_lock(&table->lock);
	for (struct frozen **link = &table->first; *link;) {
		struct frozen *frozen = *link;

		if (catalog_get(mount->catalog, frozen->database_id, &object) != ERR_NOT_FOUND) {
			link = &frozen->next;
			continue;
		}
		*link = frozen->next;
		frozen->next = gone;
		gone = frozen;
	}
	pthread_mutex_unlock(&table->lock);
	for (struct frozen *next; gone; gone = next) {
		next = gone->next;
		frozen_unref(gone);
	}
}
