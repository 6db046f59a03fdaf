/*
 * What a scan reads: chunks of the shard, captures of memtables, and the masks over both.
 *
 * Why clusters: only sources whose times overlap have to be merged. They are found once, when the
 * scan is opened, so that a source alone in its time is never compared with another.
 */
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/read/scan_inner.h"

static void collect_masks(struct scan *scan)
{
	const struct view *view = scan->spec.view;
	const struct shard_mask *stored;
	size_t count;

	shard_version_masks(scan->version, scan->spec.series_id, &stored, &count);
	for (size_t i = 0; i < count; i++) {
		/* What a later flush brought and this view obeys is in its memtables too. */
		if (stored[i].generation > view->sequence)
			continue;
		masks_add(&scan->masks,
			  &(struct mask){ stored[i].series_id, stored[i].time_first_ns,
					  stored[i].time_last_ns, stored[i].sequence,
					  stored[i].generation });
	}
	pthread_mutex_lock(&view->group->lock);
	if (view->sealed)
		memtable_masks(view->sealed, scan->spec.series_id, view->sequence, &scan->masks);
	memtable_masks(view->active, scan->spec.series_id, view->sequence, &scan->masks);
	pthread_mutex_unlock(&view->group->lock);
}

/* A capture is taken under the lock and read without it: writers go on while the scan reads. */
static void collect_captures(struct scan *scan)
{
	const struct view *view = scan->spec.view;

	pthread_mutex_lock(&view->group->lock);
	if (view->sealed)
		memtable_capture(view->sealed, scan->spec.series_id, 0, view->sequence,
				 &scan->captures[0]);
	memtable_capture(view->active, scan->spec.series_id, 0, view->sequence, &scan->captures[1]);
	pthread_mutex_unlock(&view->group->lock);
}

static void add_capture(struct scan *scan, struct capture *capture)
{
	if (capture->row_count == 0 ||
	    !scan_in_range(&scan->spec, capture->time_first_ns, capture->time_last_ns))
		return;
	scan->sources[scan->source_count] =
		(struct source){ .time_first_ns = capture->time_first_ns,
				 .time_last_ns = capture->time_last_ns,
				 .order = scan->source_count,
				 .capture = capture };
	scan->source_count++;
}

static int compare_times(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->time_first_ns != y->time_first_ns)
		return x->time_first_ns < y->time_first_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* Chunks that a flush brought after the view was made hold rows that its memtables have, too. */
static void collect_sources(struct scan *scan)
{
	struct chunk_refs refs = { 0 };

	shard_version_chunks(scan->version, scan->spec.series_id, &refs);
	scan->sources = calloc(refs.count + 2, sizeof(*scan->sources));
	if (!scan->sources)
		log_out_of_memory(refs.count * sizeof(*scan->sources));
	scan->chunk_count = refs.count;
	for (size_t i = 0; i < refs.count; i++) {
		const struct chunk_ref *ref = &refs.items[i];

		if (ref->generation > scan->spec.view->sequence ||
		    !scan_in_range(&scan->spec, ref->time_first_ns, ref->time_last_ns))
			continue;
		scan->sources[scan->source_count] =
			(struct source){ ref->time_first_ns, ref->time_last_ns, scan->source_count,
					 *ref, NULL };
		scan->source_count++;
	}
	chunk_refs_release(&refs);
	add_capture(scan, &scan->captures[0]);
	add_capture(scan, &scan->captures[1]);
	qsort(scan->sources, scan->source_count, sizeof(*scan->sources), compare_times);
}

/* A cluster begins where no source before reaches. */
static void find_clusters(struct scan *scan)
{
	int64_t last_ns = INT64_MIN;

	scan->clusters = malloc((scan->source_count + 1) * sizeof(*scan->clusters));
	if (!scan->clusters)
		log_out_of_memory(scan->source_count * sizeof(*scan->clusters));
	for (size_t i = 0; i < scan->source_count; i++) {
		const struct source *source = &scan->sources[i];

		if (i == 0 || source->time_first_ns > last_ns)
			scan->clusters[scan->cluster_count++] = i;
		if (source->time_last_ns > last_ns)
			last_ns = source->time_last_ns;
	}
	scan->clusters[scan->cluster_count] = scan->source_count;
}

void scan_find_sources(struct scan *scan)
{
	collect_masks(scan);
	collect_captures(scan);
	collect_sources(scan);
	find_clusters(scan);
}
