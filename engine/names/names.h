/*
 * All names of a data directory: the catalog, and an index for each database. Knows no log, no
 * shard and no point, so that a machine that keeps none of these can have it.
 *
 *	catalog      databases, policies, groups, saved queries
 *	db/ID/index  measurements, tags, fields and series of database ID
 *
 * What it is told of the outside: where records go that keep names beside the log (names_log), and
 * what DATADIR/clock said of how much of it was durable.
 */
#ifndef ENGINE_NAMES_NAMES_H
#define ENGINE_NAMES_NAMES_H

#include <pthread.h>

#include "engine/directory/trash.h"
#include "engine/names/catalog.h"
#include "engine/names/index.h"

/* The names that later records of the log have numbers for: I11. Under the index's lock. */
typedef int names_log(void *arg, uint32_t database_id, struct slice additions);

struct names_database; /* an index, and how much of it was durable */

struct names {
	const char *dir; /* borrowed, as is all that names_open() was given */
	bool read_only;
	uint32_t series_max;
	struct trash *trash;
	struct catalog *catalog;
	/* Set once: the next number by the catalog's records, before strangers on disk raised it.
	 */
	uint32_t catalog_id_told;
	/* Set once: there is what no record made and none removed. */
	bool catalog_has_lost;
	struct buf kept; /* what `clock` said, "" before the first flush */
	names_log *log;	 /* NULL until the log was replayed */
	void *log_arg;

	pthread_mutex_t making; /* one maker of databases, policies and groups at a time */
	pthread_mutex_t lock;
	struct names_database **databases; /* protected by lock, and so is what they point to */
	size_t database_count, database_capacity;
};

/* The catalog alone. After an error, too, names_close() it. */
int names_open(struct names *names, const char *dir, bool read_only, uint32_t series_max,
	       struct trash *trash, struct diag *diag);
/* Every index. One that cannot be opened costs itself alone: each use of it tries again. */
int names_open_indexes(struct names *names, struct diag *diag);
void names_close(struct names *names);
/* Once the log was replayed: it takes names from here on. */
int names_set_log(struct names *names, names_log *log, void *arg);

/*
 * Everything named before is durable: the catalog and all indexes. The one place where that is
 * said, and no lock is held meanwhile that a writer or a lookup waits for.
 */
int names_sync(struct names *names);
/* What of it is durable, the end of the text of `clock`. */
void names_print_kept(struct names *names, struct buf *out);

/* One maker of policies and groups at a time: it looks again in between, whether it is made. */
void names_make_begin(struct names *names);
void names_make_end(struct names *names);

/*
 * The index of a database, which lives on though the database is dropped: index_let_go() it.
 * ERR_NOT_FOUND: no such database. ERR_SPACE, ERR_IO: it could not be made with the database, nor
 * can it now.
 */
int names_find_index(struct names *names, uint32_t database_id, struct index **out);
struct index *names_hold_index(struct names *names, uint32_t database_id); /* or NULL */
/* Not held: for a caller that keeps the database from being dropped, or is alone. */
struct index *names_index(struct names *names, uint32_t database_id);

/* A new database has an index, which is durable, before the catalog knows it. */
int names_make_database(struct names *names, uint32_t database_id);
/* It was dropped: its index is let go, and its directory deleted. */
void names_forget_database(struct names *names, uint32_t database_id);
bool names_have_databases(struct names *names);

/* Something of a database (0: of all) changed that its readers see. */
void names_touch(struct names *names, uint32_t database_id);
/* Equal: nothing changed in the database between, nor in the catalog. */
uint64_t names_version(struct names *names, uint32_t database_id);

/* --- after damage ------------------------------------------------------------- */

/* Names that were durable are gone from the index of a database: points may have their numbers. */
bool names_has_lost(struct names *names, uint32_t database_id);
/*
 * May a shard have a series or a field without a name? Databases of which that is so, `count` of
 * them; free() the array. `log_has_rows`: rows were found in the log.
 */
uint32_t *names_lacking(struct names *names, bool log_has_rows, size_t *count);
/* Give the index back what the log has of it. ERR_NOT_FOUND: no such database. */
int names_restore(struct names *names, uint32_t database_id, struct slice additions);

struct names_counts {
	uint64_t series, index_bytes;
};
void names_count(struct names *names, struct names_counts *out);

#endif
