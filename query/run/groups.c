/* Why: the order of answers is that of names and tags, so it is settled before a row is read. */
#include "query/run/groups.h"

#include <stdlib.h>

#include "engine/base/array.h"

/* A series on its way into its group. */
struct member {
	const struct series_key *key;
	struct group_series series;
	size_t text_start, text_length; /* its key, in the listing's buffer */
};

struct listing {
	struct plan *plan;
	struct run *run;
	struct member *members;
	size_t count, capacity;
	struct buf texts;     /* the series keys, for their order */
	struct slice *values; /* of the dimensions, for one series at a time */
};

static int add_member(struct listing *listing, struct group_series series, struct slice name)
{
	struct plan *plan = listing->plan;
	const struct dimensions *dimensions = plan->dimensions;
	struct slice *values = listing->values;
	struct member *member;
	uint64_t max = listing->run->env->limits->series_max;

	if (!try_grow(&listing->members, listing->count, &listing->capacity))
		return ERR_MEMORY;
	for (size_t i = 0; i < dimensions->count; i++) {
		uint32_t key, value;

		values[i] = SLICE("");
		if (series.inner) {
			values[i] = key_value(series.inner->key, dimensions->names[i]);
			continue;
		}
		key = index_tag_key_find(series.source->index, series.source->measurement_id,
					 dimensions->names[i]);
		if (key == ID_NONE)
			continue;
		value = index_series_tag(series.source->index, series.series_id, key);
		if (value != ID_NONE)
			values[i] = index_tag_value_name(series.source->index,
							 series.source->measurement_id, key, value);
	}
	member = &listing->members[listing->count++];
	*member = (struct member){ .series = series, .text_start = listing->texts.length };
	member->key = key_ring_get(&plan->ring, name, dimensions, values);
	if (!series.inner)
		index_series_key(series.source->index, series.series_id, &listing->texts);
	member->text_length = listing->texts.length - member->text_start;
	if (!member->key)
		return ERR_LIMIT;
	if (max && ++listing->run->series > max)
		return diag_set(listing->run->diag, ERR_LIMIT,
				"max-select-series limit exceeded: (%llu/%llu)",
				(unsigned long long)listing->run->series, (unsigned long long)max);
	return OK;
}

static int list_measurement(struct listing *listing, const struct plan_source *source)
{
	const struct window_spec *window = &listing->plan->reach;
	uint32_t *ids = NULL;
	size_t count = 0;
	int err = snapshot_series(source->snapshot, source->policy_id, source->measurement_id,
				  window->time_first_ns, window->time_last_ns, &ids, &count);

	for (size_t i = 0; err >= 0 && i < count; i++) {
		struct group_series series = { .source = source, .series_id = ids[i] };
		bool takes;

		err = feed_takes(listing->plan, &series, &takes);
		if (err >= 0 && takes)
			err = add_member(listing, series,
					 source->is_merged ? SLICE("merged") : source->name);
		if (err >= 0 && i % 1024 == 0)
			err = run_check(listing->run);
	}
	free(ids);
	return err;
}

static int list_subquery(struct listing *listing, const struct plan_source *source,
			 const struct inner_result *rows)
{
	int err = OK;

	for (size_t i = 0; err >= 0 && i < inner_series_count(rows); i++) {
		const struct inner_series *inner = inner_series_at(rows, i);
		struct group_series series = { .source = source, .inner = inner };
		bool takes;

		err = feed_takes(listing->plan, &series, &takes);
		if (err >= 0 && takes)
			err = add_member(listing, series, inner->key->name);
	}
	return err;
}

static struct slice text_of(const struct listing *listing, const struct member *member)
{
	if (member->text_length == 0)
		return SLICE("");
	return slice_of(listing->texts.data + member->text_start, member->text_length);
}

/* 0.8: what has no value in a column comes after all that have one. */
static int compare_values(const struct series_key *x, const struct series_key *y)
{
	int order = slice_compare(x->name, y->name);

	for (size_t i = 0; order == 0 && i < x->dimensions->count; i++) {
		struct slice a = x->tags[i].value, b = y->tags[i].value;

		order = a.length && b.length ? slice_compare(a, b)
					     : (a.length == 0) - (b.length == 0);
	}
	return order;
}

static int compare_keys(const struct plan *plan, const struct series_key *x,
			const struct series_key *y)
{
	return plan->groups_by_values ? compare_values(x, y) : key_compare(x, y);
}

static int compare_members(const void *a, const void *b, void *arg)
{
	const struct member *x = a, *y = b;
	const struct listing *listing = arg;
	int order = compare_keys(listing->plan, x->key, y->key);

	if (order == 0)
		order = slice_compare(text_of(listing, x), text_of(listing, y));
	return order;
}

/* Runs of members with one key become groups. */
static int deal(struct listing *listing, struct groups *out)
{
	out->series = calloc(listing->count + 1, sizeof(*out->series));
	out->items = calloc(listing->count + 1, sizeof(*out->items));
	if (!out->series || !out->items)
		return ERR_MEMORY;
	for (size_t i = 0; i < listing->count; i++) {
		const struct member *member = &listing->members[i];
		struct group *group = out->count ? &out->items[out->count - 1] : NULL;

		out->series[i] = member->series;
		if (!group || group->key != member->key) {
			group = &out->items[out->count++];
			*group = (struct group){ .key = member->key, .series = &out->series[i] };
		}
		group->series_count++;
	}
	return OK;
}

int groups_open(struct plan *plan, struct inner_result *const *inner, struct run *run,
		struct groups *out)
{
	struct listing listing = { .plan = plan, .run = run };
	int err = OK;

	*out = (struct groups){ 0 };
	listing.values = arena_alloc(plan->context->arena,
				     (plan->dimensions->count + 1) * sizeof(*listing.values));
	if (!listing.values)
		return ERR_LIMIT;
	for (size_t i = 0; err >= 0 && i < plan->source_count; i++)
		err = plan->sources[i].subquery
			      ? list_subquery(&listing, &plan->sources[i], inner[i])
			      : list_measurement(&listing, &plan->sources[i]);
	if (err >= 0) {
		if (listing.count)
			qsort_r(listing.members, listing.count, sizeof(*listing.members),
				compare_members, &listing);
		err = deal(&listing, out);
	}
	buf_release(&listing.texts);
	free(listing.members);
	return err;
}

void groups_close(struct groups *groups)
{
	free(groups->items);
	free(groups->series);
	*groups = (struct groups){ 0 };
}
