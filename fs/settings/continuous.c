/*
 * Continuous queries in the mount: whose rights they have, where they are told of, and what
 * `status` and `metrics` say of them. When they run is query/continuous/runner.c.
 */
#include "fs/settings/continuous.h"

#include <stdlib.h>

#include "engine/base/clean.h"
#include "engine/base/log.h"
#include "engine/base/when.h"
#include "fs/nodes/access.h"
#include "fs/nodes/page_words.h"
#include "query/continuous/fanout.h"
#include "query/continuous/runner.h"

struct continuous {
	struct mount *mount;
	struct fanout *fanout; /* those that writes feed */
	struct runner *runner; /* those that run when they are due, and backfill of both */
};

static void tell_query(struct mount *mount, uint32_t database_id, struct slice database,
		       const struct object *query, int err, const struct diag *diag)
{
	struct buf file = { 0 };
	struct error_entry entry = {
		.err = err,
		.diag = diag,
		.text = query->payload,
		.rights = { .has_uid = true, .uid = query->attrs.uid, .object_id = query->id }
	};
	const char *end = slice_find(query->payload, '\n');

	buf_append_slice(&file, database);
	buf_append_text(&file, "/continuous/");
	buf_append_slice(&file, query->name);
	entry.file = buf_slice(&file);
	if (end)
		entry.text.length = (size_t)(end - query->payload.data);
	errors_log_tell(mount->errors, database_id, &entry);
	buf_release(&file);
}

static int database_of(struct mount *mount, const struct object *query, struct object *out)
{
	TRY(catalog_get(mount->catalog, query->parent_id, out));
	return catalog_get(mount->catalog, out->parent_id, out);
}

static void tell(void *arg, const struct object *query, int err, const struct diag *diag)
{
	struct continuous *continuous = arg;
	struct object database;

	if (database_of(continuous->mount, query, &database) == OK)
		tell_query(continuous->mount, database.id, database.name, query, err, diag);
}

/* A query may do in other databases, and read of policies, what the owner of its file may. */
static int check_owner(struct mount *mount, const struct object *query, uint32_t object_id,
		       bool write)
{
	struct caller caller = { .uid = query->attrs.uid, .gid = query->attrs.gid };

	if (object_id == QUERY_ALL_DATABASES)
		return ERR_ACCESS;
	return caller_check_object(mount->catalog, &caller, object_id, write);
}

static int check(void *arg, const struct object *query, uint32_t object_id, bool write)
{
	return check_owner(((struct continuous *)arg)->mount, query, object_id, write);
}

struct continuous *continuous_start(struct mount *mount)
{
	struct continuous *continuous = calloc(1, sizeof(*continuous));

	if (!continuous)
		log_out_of_memory(sizeof(*continuous));
	continuous->mount = mount;
	continuous->fanout = fanout_open(&(struct fanout_options){ .engine = mount->engine,
								   .limits = &mount->query_limits,
								   .check = check,
								   .tell = tell,
								   .arg = continuous });
	continuous->runner = runner_open(&(struct runner_options){ .engine = mount->engine,
								   .limits = &mount->query_limits,
								   .check = check,
								   .tell = tell,
								   .arg = continuous });
	if (!continuous->runner) {
		fanout_close(continuous->fanout);
		free(continuous);
		return NULL;
	}
	return continuous;
}

void continuous_cancel(struct continuous *continuous)
{
	if (continuous)
		runner_cancel(continuous->runner);
}

void continuous_stop(struct continuous *continuous)
{
	if (!continuous)
		return;
	runner_close(continuous->runner);
	fanout_close(continuous->fanout);
	free(continuous);
}

void continuous_run_now(struct continuous *continuous)
{
	if (continuous)
		runner_run_now(continuous->runner);
}

int64_t continuous_looked_ns(const struct continuous *continuous)
{
	return continuous ? runner_looked_ns(continuous->runner) : INT64_MAX;
}

/* --- seen from outside ------------------------------------------------------------ */

struct seen {
	int64_t last_ns; /* a run, or a point that was fed; 0 = none */
	uint64_t written;
	int err;
};

static struct seen see(const struct continuous *continuous, const struct runner_query *query)
{
	struct seen seen = { query->ran_ns, query->written, query->err };
	struct fanout_stat fed;

	if (query->is_grouped)
		return seen;
	fanout_stat(continuous->fanout, query->object->id, &fed);
	seen.last_ns = fed.fed_ns ? fed.fed_ns : seen.last_ns;
	seen.written += fed.points;
	seen.err = fed.err < 0 ? fed.err : seen.err;
	return seen;
}

static void print_time(struct buf *out, const char *word, int64_t time_ns)
{
	char text[WHEN_BYTES_MAX];

	buf_append_text(out, word);
	if (time_ns == 0)
		buf_append_text(out, "never");
	else
		buf_append(out, text, when_print(text, time_ns));
}

struct printing {
	const struct continuous *continuous;
	const struct page_reader *reader;
	struct buf *out;
	size_t row; /* of `measures` */
	bool has_any;
};

static bool is_told(const struct printing *printing, const struct runner_query *query)
{
	return page_tells(printing->reader, query->database_id, query->object->id);
}

static void print_query(void *arg, const struct runner_query *query)
{
	const struct printing *printing = arg;
	struct buf *out = printing->out;
	struct seen seen;

	if (!is_told(printing, query))
		return;
	seen = see(printing->continuous, query);
	buf_append_text(out, "continuous ");
	print_word(out, query->database);
	buf_append_byte(out, ' ');
	print_word(out, query->object->name);
	print_time(out, " last_run ", seen.last_ns);
	buf_printf(out, " lag %llds points %llu", (long long)(query->lag_ns / NS_PER_SECOND),
		   (unsigned long long)seen.written);
	if (query->has_backfill) {
		if (query->backfill.start_ns > TIME_MIN_NS)
			print_time(out, " backfill ", query->backfill.start_ns);
		else
			buf_append_text(out, " backfill begins");
		if (query->backfill.end_ns < TIME_MAX_NS)
			print_time(out, " of ", query->backfill.end_ns);
	}
	buf_append_text(out, " error ");
	clean_append(out,
		     slice_of_text(seen.err == OK  ? "none"
				   : query->why[0] ? query->why
						   : err_text(seen.err)),
		     false);
	buf_append_byte(out, '\n');
}

void continuous_print_status(struct continuous *continuous, const struct page_reader *reader,
			     struct buf *out)
{
	struct printing printing = { .continuous = continuous, .reader = reader, .out = out };

	if (continuous)
		runner_each(continuous->runner, print_query, &printing);
}

enum measure { LAST_RUN, LAG, POINTS, FAILING };

static double measured(const struct seen *seen, const struct runner_query *query,
		       enum measure measure)
{
	switch (measure) {
	case LAST_RUN: return (double)seen->last_ns / 1e9;
	case LAG: return (double)query->lag_ns / 1e9;
	case POINTS: return (double)seen->written;
	default: return seen->err < 0;
	}
}

static const struct {
	enum measure measure;
	const char *name, *type, *help;
} measures[] = {
	{ LAST_RUN, "continuous_last_run_seconds", "gauge", "up to when a continuous query ran" },
	{ LAG, "continuous_lag_seconds", "gauge", "how long a run is due" },
	{ POINTS, "continuous_points_total", "counter", "points that it wrote" },
	{ FAILING, "continuous_failing", "gauge", "1: its last run met an error" },
};

static void look_for_any(void *arg, const struct runner_query *query)
{
	struct printing *printing = arg;

	printing->has_any |= is_told(printing, query);
}

static void print_sample(void *arg, const struct runner_query *query)
{
	const struct printing *printing = arg;
	struct buf *out = printing->out;
	struct seen seen;

	if (!is_told(printing, query))
		return;
	seen = see(printing->continuous, query);
	buf_printf(out, "seriesfs_%s{database=\"", measures[printing->row].name);
	print_label(out, query->database);
	buf_append_text(out, "\",query=\"");
	print_label(out, query->object->name);
	buf_printf(out, "\"} %.15g\n", measured(&seen, query, measures[printing->row].measure));
}

void continuous_print_metrics(struct continuous *continuous, const struct page_reader *reader,
			      struct buf *out)
{
	struct printing printing = { .continuous = continuous, .reader = reader, .out = out };
	size_t count = sizeof(measures) / sizeof(measures[0]);

	if (!continuous)
		return;
	runner_each(continuous->runner, look_for_any, &printing);
	for (; printing.has_any && printing.row < count; printing.row++) {
		const char *name = measures[printing.row].name;

		buf_printf(out, "# HELP seriesfs_%s %s\n# TYPE seriesfs_%s %s\n", name,
			   measures[printing.row].help, name, measures[printing.row].type);
		runner_each(continuous->runner, print_sample, &printing);
	}
}
