/*
 * The ungrouped continuous queries of all databases, and the threads that feed them.
 *
 * Why in the midst of a write: a copy made while the point is at hand costs a hash and a line, not
 * a query. The list is made anew when the catalog has changed, so that a write needs no look at it.
 */
#include "query/continuous/fanout.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/log.h"
#include "query/continuous/feeder.h"
#include "query/continuous/rollup.h"

/* A query of the list, and its feeders that no thread uses now. */
struct fed_query {
	struct object object;
	bool is_broken;
	pthread_mutex_t lock;
	struct feeder **idle; /* protected by lock */
	size_t idle_count, idle_capacity;
	_Atomic uint64_t points;
	_Atomic int64_t fed_ns;
	_Atomic int err;
};

struct fanout {
	struct fanout_options options;
	pthread_rwlock_t lock; /* queries: writers feed under it shared */
	struct fed_query **queries;
	size_t query_count;
	_Atomic uint64_t version; /* of the catalog that `queries` was made from */
};

/* Kept for fanout_stat(), and told to the function of the options. */
static void tell(struct fanout *fanout, struct fed_query *query, int err, const struct diag *diag)
{
	atomic_store(&query->err, err);
	fanout->options.tell(fanout->options.arg, &query->object, err, diag);
}

/* --- a query -------------------------------------------------------------------------------------
 */

/* NULL: as many threads feed as feeders are there; the caller opens another one. */
static struct feeder *take_feeder(struct fed_query *query)
{
	struct feeder *feeder;

	pthread_mutex_lock(&query->lock);
	feeder = query->idle_count ? query->idle[--query->idle_count] : NULL;
	pthread_mutex_unlock(&query->lock);
	return feeder;
}

static void give_back(struct fed_query *query, struct feeder *feeder)
{
	pthread_mutex_lock(&query->lock);
	grow(&query->idle, query->idle_count, &query->idle_capacity);
	query->idle[query->idle_count++] = feeder;
	pthread_mutex_unlock(&query->lock);
}

/* A good point takes the last error away; one that was refused in the same batch sets it again. */
static void note_fed(struct fanout *fanout, struct fed_query *query, struct feeder *feeder,
		     uint64_t written)
{
	struct diag diag = { 0 };
	int refused = feeder_refused(feeder, &diag);

	if (written) {
		atomic_fetch_add(&query->points, written);
		atomic_store(&query->fed_ns, env_now_ns());
		atomic_store(&query->err, OK);
	}
	if (refused < 0)
		tell(fanout, query, refused, &diag);
}

/* A feeder that failed is closed: the next batch opens one that knows nothing of this one. */
static void feed_query(struct fanout *fanout, struct fed_query *query, const struct stored *stored)
{
	struct feeder *feeder = take_feeder(query);
	uint64_t before;
	int err = OK;

	if (!feeder)
		err = feeder_open(&fanout->options, &query->object, &feeder);
	if (err >= 0) {
		before = feeder_written(feeder);
		err = feeder_feed(feeder, stored);
		note_fed(fanout, query, feeder, feeder_written(feeder) - before);
	}
	if (err >= 0) {
		give_back(query, feeder);
		return;
	}
	diag_set(feeder_diag(feeder), err, "%s", err_text(err));
	tell(fanout, query, err, feeder_diag(feeder));
	feeder_close(feeder);
}

static void drop_feeders(struct fed_query *query)
{
	struct feeder *feeder;

	while ((feeder = take_feeder(query)))
		feeder_close(feeder);
}

static void query_close(struct fed_query *query)
{
	drop_feeders(query);
	free(query->idle);
	pthread_mutex_destroy(&query->lock);
	free(query);
}

/* --- the list
 * ------------------------------------------------------------------------------------- */

/* Queries with GROUP BY time() are the runner's. */
static bool is_ungrouped(struct fanout *fanout, const struct object *object)
{
	struct query_env env = { .engine = fanout->options.engine,
				 .limits = fanout->options.limits };
	struct rollup *rollup;
	struct diag diag = { 0 };
	bool ungrouped;

	if (rollup_open(&env, object->payload, &rollup, &diag) < 0)
		return false;
	ungrouped = rollup_schedule(rollup) == NULL;
	rollup_close(rollup);
	return ungrouped;
}

/* Texts handed out by the catalog do not move: the same place is the same text. */
static struct fed_query *take_known(struct fed_query **queries, size_t count,
				    const struct object *object)
{
	for (size_t i = 0; i < count; i++) {
		struct fed_query *query = queries[i];

		if (!query || query->object.id != object->id ||
		    query->object.payload.data != object->payload.data ||
		    query->object.payload.length != object->payload.length)
			continue;
		queries[i] = NULL;
		query->object = *object;
		return query;
	}
	return NULL;
}

static struct fed_query *query_new(struct fanout *fanout, const struct object *object)
{
	struct fed_query *query;

	if (!is_ungrouped(fanout, object))
		return NULL;
	query = calloc(1, sizeof(*query));
	if (!query)
		log_out_of_memory(sizeof(*query));
	query->object = *object;
	pthread_mutex_init(&query->lock, NULL);
	return query;
}

struct query_list {
	struct fed_query **queries;
	size_t count;
};

static void list_directory(struct fanout *fanout, uint32_t directory_id, struct query_list *list)
{
	struct object *objects;
	size_t count;

	if (catalog_list(engine_catalog(fanout->options.engine), directory_id,
			 OBJECT_CONTINUOUS_QUERY, &objects, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		struct fed_query *query =
			take_known(fanout->queries, fanout->query_count, &objects[i]);

		if (!query)
			query = query_new(fanout, &objects[i]);
		if (!query)
			continue;
		list->queries =
			reallocarray(list->queries, list->count + 1, sizeof(*list->queries));
		if (!list->queries)
			log_out_of_memory(list->count * sizeof(*list->queries));
		list->queries[list->count++] = query;
	}
	free(objects);
}

static void list_databases(struct fanout *fanout, struct query_list *list)
{
	struct catalog *catalog = engine_catalog(fanout->options.engine);
	struct object *databases, directory;
	size_t count;

	if (catalog_list(catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (catalog_find(catalog, databases[i].id, SLICE("continuous"), &directory) >= 0 &&
		    directory.kind == OBJECT_CONTINUOUS)
			list_directory(fanout, directory.id, list);
	free(databases);
}

/* Names of databases and policies may mean others now: feeders are made anew. */
static void refresh(struct fanout *fanout)
{
	uint64_t version = catalog_version(engine_catalog(fanout->options.engine));
	struct query_list list = { 0 };

	pthread_rwlock_wrlock(&fanout->lock);
	if (version != atomic_load(&fanout->version)) {
		list_databases(fanout, &list);
		for (size_t i = 0; i < fanout->query_count; i++)
			if (fanout->queries[i])
				query_close(fanout->queries[i]);
		free(fanout->queries);
		fanout->queries = list.queries;
		fanout->query_count = list.count;
		for (size_t i = 0; i < list.count; i++)
			drop_feeders(list.queries[i]);
		atomic_store(&fanout->version, version);
	}
	pthread_rwlock_unlock(&fanout->lock);
}

/* Called by each writer with a batch; false: without a query to feed batches may be large. */
static bool feed(void *arg, const struct stored *stored)
{
	struct fanout *fanout = arg;
	bool found;

	if (atomic_load(&fanout->version) !=
	    catalog_version(engine_catalog(fanout->options.engine)))
		refresh(fanout);
	pthread_rwlock_rdlock(&fanout->lock);
	for (size_t i = 0; i < fanout->query_count; i++)
		feed_query(fanout, fanout->queries[i], stored);
	found = fanout->query_count > 0;
	pthread_rwlock_unlock(&fanout->lock);
	return found;
}

struct fanout *fanout_open(const struct fanout_options *options)
{
	struct fanout *fanout = calloc(1, sizeof(*fanout));

	if (!fanout)
		log_out_of_memory(sizeof(*fanout));
	fanout->options = *options;
	pthread_rwlock_init(&fanout->lock, NULL);
	atomic_store(&fanout->version, UINT64_MAX);
	engine_set_feed(options->engine, feed, fanout);
	return fanout;
}

void fanout_close(struct fanout *fanout)
{
	if (!fanout)
		return;
	engine_set_feed(fanout->options.engine, NULL, NULL);
	for (size_t i = 0; i < fanout->query_count; i++)
		query_close(fanout->queries[i]);
	free(fanout->queries);
	pthread_rwlock_destroy(&fanout->lock);
	free(fanout);
}

void fanout_stat(struct fanout *fanout, uint32_t query_id, struct fanout_stat *out)
{
	*out = (struct fanout_stat){ 0 };
	pthread_rwlock_rdlock(&fanout->lock);
	for (size_t i = 0; i < fanout->query_count; i++) {
		struct fed_query *query = fanout->queries[i];

		if (query->object.id == query_id)
			*out = (struct fanout_stat){ atomic_load(&query->points),
						     atomic_load(&query->fed_ns),
						     atomic_load(&query->err) };
	}
	pthread_rwlock_unlock(&fanout->lock);
}
