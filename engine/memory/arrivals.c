/*
 * Times of arrival, and whether the wall clock may be believed.
 *
 * A machine whose battery died, or whose year was typed wrong, starts years ahead. One point that
 * got its time there would be the newest for ever, retention would drop all others for it, and
 * every later time of arrival would lie behind it. So a clock that stands years beyond
 *
 *	the last time of arrival (where none is known, the end of the last shard group)
 *	+ what went by since this start
 *
 * gives no times, and nothing is dropped by it, until it is put right or somebody says that it is.
 * A directory without points trusts it. A clock that stands before the last arrival does no such
 * harm: arrivals go on from the last one, as they do after each small step back.
 */
#include "engine/memory/arrivals.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/directory/kept.h"
#include "engine/memory/state.h"

/* No mount rests so long by habit, and no clock is wrong by less for want of a battery. */
#define CLOCK_DOUBT_NS (730 * 24 * 3600 * NS_PER_SECOND)

void arrivals_note(struct arrivals *arrivals, int64_t arrival_ns)
{
	int64_t last = atomic_load(&arrivals->arrival_ns);

	while (arrival_ns > last &&
	       !atomic_compare_exchange_weak(&arrivals->arrival_ns, &last, arrival_ns))
		;
}

/* What a clock would show that went on from what is stored. */
static int64_t expected_now(struct engine *engine)
{
	int64_t expected_ns = atomic_load(&engine->arrivals.known_offset_ns) + env_elapsed_ns();
	int64_t arrival_ns = atomic_load(&engine->arrivals.arrival_ns);

	return arrival_ns > expected_ns ? arrival_ns : expected_ns;
}

enum clock_state engine_clock(struct engine *engine, int64_t *expected_ns)
{
	int64_t now_ns = env_now_ns(), arrival_ns = atomic_load(&engine->arrivals.arrival_ns);

	*expected_ns = expected_now(engine);
	if (now_ns - *expected_ns > CLOCK_DOUBT_NS)
		return CLOCK_AHEAD;
	if (arrival_ns - now_ns > CLOCK_DOUBT_NS) {
		*expected_ns = arrival_ns;
		return CLOCK_BEHIND;
	}
	return CLOCK_FINE;
}

const char *clock_state_name(enum clock_state state)
{
	static const char *const names[] = { "fine", "ahead", "behind" };

	return names[state];
}

/* The newest end of a group: of directories that no arrival is known of. */
static int64_t last_group_end(struct engine *engine)
{
	struct object *databases, *policies, *groups;
	size_t database_count, policy_count, group_count;
	int64_t last_s = 0;

	if (catalog_list(engine->names.catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases,
			 &database_count) < 0)
		return 0;
	for (size_t i = 0; i < database_count; i++) {
		if (catalog_list(engine->names.catalog, databases[i].id, OBJECT_POLICY, &policies,
				 &policy_count) < 0)
			continue;
		for (size_t k = 0; k < policy_count; k++) {
			if (catalog_list(engine->names.catalog, policies[k].id, OBJECT_GROUP,
					 &groups, &group_count) < 0)
				continue;
			for (size_t n = 0; n < group_count; n++)
				if (groups[n].window.end_s > last_s)
					last_s = groups[n].window.end_s;
			free(groups);
		}
		free(policies);
	}
	free(databases);
	return last_s < INT64_MAX / NS_PER_SECOND ? last_s * NS_PER_SECOND : INT64_MAX;
}

void arrivals_open(struct engine *engine)
{
	int64_t known_ns = atomic_load(&engine->arrivals.arrival_ns), expected_ns;
	char now[WHEN_BYTES_MAX], known[WHEN_BYTES_MAX];

	if (!known_ns)
		known_ns = last_group_end(engine);
	if (!known_ns || engine->options.trust_clock)
		known_ns = env_now_ns();
	atomic_store(&engine->arrivals.known_offset_ns, known_ns - env_elapsed_ns());
	enum clock_state state = engine_clock(engine, &expected_ns);
	if (state == CLOCK_FINE || engine->options.read_only)
		return;
	int now_length = (int)when_print(now, env_now_ns());
	int known_length = (int)when_print(known, expected_ns);
	log_warning(
		"the clock stands at %.*s, years %s the last arrival in %s, %.*s%s", now_length,
		now, state == CLOCK_AHEAD ? "after" : "before", engine->directory.path,
		known_length, known,
		state == CLOCK_AHEAD
			? ": lines without a time are refused and nothing is dropped until it is "
			  "put right, or `clock ok` is written to .seriesfs/ctl"
			: ": lines without a time go on from there until `clock ok` is written to "
			  ".seriesfs/ctl");
}

int64_t engine_arrival_ns(struct engine *engine)
{
	int64_t now = env_now_ns(), last = atomic_load(&engine->arrivals.arrival_ns), given;

	if (now - last > CLOCK_DOUBT_NS) {
		int64_t expected_ns = expected_now(engine);

		if (now - expected_ns > CLOCK_DOUBT_NS)
			now = expected_ns;
	}
	do {
		given = now > last ? now : last + 1;
	} while (!atomic_compare_exchange_weak(&engine->arrivals.arrival_ns, &last, given));
	return given;
}

int arrivals_of_line(struct engine *engine, int64_t *arrival_ns, struct diag *diag)
{
	char now[WHEN_BYTES_MAX], known[WHEN_BYTES_MAX];
	int64_t expected_ns;

	if (env_now_ns() - atomic_load(&engine->arrivals.arrival_ns) > CLOCK_DOUBT_NS &&
	    engine_clock(engine, &expected_ns) == CLOCK_AHEAD) {
		int now_length = (int)when_print(now, env_now_ns());
		int known_length = (int)when_print(known, expected_ns);

		return diag_set(diag, ERR_INVALID,
				"the line has no time, and the clock stands at %.*s, years after "
				"what is stored (%.*s): write the time, set the clock, or write "
				"`clock ok` to .seriesfs/ctl",
				now_length, now, known_length, known);
	}
	*arrival_ns = engine_arrival_ns(engine);
	return OK;
}

void arrivals_note_times(struct engine *engine, const struct memtable_row *rows, size_t count)
{
	int64_t newest_ns = INT64_MIN, expected_ns;

	for (size_t i = 0; i < count; i++)
		newest_ns = rows[i].time_ns > newest_ns ? rows[i].time_ns : newest_ns;
	if (!trusted_wants(&engine->arrivals.trusted, newest_ns))
		return;
	/* It would be kept, and drop everything as soon as some later clock is ahead, too. */
	if (engine_clock(engine, &expected_ns) != CLOCK_AHEAD)
		trusted_note(&engine->arrivals.trusted, newest_ns);
}

void arrivals_trust(struct arrivals *arrivals)
{
	int64_t now_ns = env_now_ns();

	atomic_store(&arrivals->known_offset_ns, now_ns - env_elapsed_ns());
	if (atomic_load(&arrivals->arrival_ns) - now_ns > CLOCK_DOUBT_NS)
		atomic_store(&arrivals->arrival_ns, now_ns);
	arrivals_note(arrivals, now_ns);
	trusted_set_now(&arrivals->trusted);
}

/* --- the text `clock` ----------------------------------------------------------------- */

/*
 * The log tells the last arrival and sequence until it is trimmed; after that the
 * text `clock` does, kept before: `ARRIVAL_NS SEQUENCE`, and what retention goes by. A second line
 * tells of each database how many records of its index were durable, and how many of those damage
 * took: `indexes ID:RECORDS:LOST …`.
 * A third one tells the same of the catalog: `catalog RECORDS`.
 */

/* Was the log ever trimmed (or may it have been)? Then it does not hold all numbers. */
static bool is_trimmed(struct engine *engine)
{
	return names_have_databases(&engine->names) &&
	       env_find(path_first_segment(engine->directory.path).text) < 0;
}

int arrivals_read(struct engine *engine, uint64_t *sequence)
{
	struct path path = path_top(engine->directory.path, TOP_CLOCK);
	struct buf text = { 0 };
	long long arrival_ns;
	unsigned long long last;
	int length, err = kept_read(path.text, &text);

	*sequence = 0;
	if (err == OK && sscanf(buf_text(&text), "%lld %llu%n", &arrival_ns, &last, &length) == 2) {
		arrivals_note(&engine->arrivals, arrival_ns);
		trusted_read(&engine->arrivals.trusted, buf_text(&text) + length);
		*sequence = last;
	} else if (err == OK || err == ERR_CORRUPT ||
		   (err == ERR_NOT_FOUND && is_trimmed(engine))) {
		/* Later than all there can be: numbers may be left out, never given twice. */
		log_error("%s is damaged; the log goes on with a number from the clock", path.text);
		*sequence = (uint64_t)env_now_ns();
		err = OK;
	}
	engine->arrivals.flushed_sequence = *sequence;
	buf_release(&text);
	return err == ERR_NOT_FOUND ? OK : err;
}

int arrivals_write_beside_log(struct engine *engine)
{
	struct buf text = { 0 };

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	buf_printf(&text, "%lld %llu", (long long)atomic_load(&engine->arrivals.arrival_ns),
		   (unsigned long long)engine->arrivals.flushed_sequence);
	trusted_print(&engine->arrivals.trusted, &text);
	names_print_kept(&engine->names, &text);
	int err = kept_write(path_top(engine->directory.path, TOP_CLOCK).text, buf_slice(&text));
	buf_release(&text);
	return err;
}

int arrivals_write(struct engine *engine)
{
	engine->arrivals.flushed_sequence = wal_sequence(engine->wal);
	return arrivals_write_beside_log(engine);
}
