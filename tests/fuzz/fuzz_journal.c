/*
 * Any bytes as a journal: replay tells damage and never crashes, a journal
 * opened over them takes records, and a record it took comes back.
 *
 * The first byte chooses: odd, and what follows is put behind a good header and
 * one good record, so that the search for the next record is reached as well.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/env.h"
#include "engine/base/log.h"
#include "engine/log/journal.h"
#include "tests/lib/fuzz.h"

static int last_is(void *arg, uint64_t sequence, struct slice payload)
{
	*(bool *)arg = sequence == UINT64_MAX && slice_equal(payload, SLICE("last"));
	return OK;
}

static void append(const char *path, uint64_t sequence, struct slice payload)
{
	struct journal_record record = { sequence, payload };
	struct journal *journal;

	if (journal_open(path, &journal) < 0)
		abort();
	/* Only when the bytes hold a record with the last sequence there is. */
	if (journal_sequence(journal) < sequence && journal_append(journal, &record, 1) < 0)
		abort();
	journal_close(journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64];
	struct journal_damage damage;
	struct buf file = { 0 };
	bool last = false;

	if (!path[0]) {
		log_to_syslog(true);
		snprintf(path, sizeof(path), "/tmp/fuzz-journal.%d", (int)getpid());
	}
	if (size < 1)
		return 0;
	env_unlink(path);
	if (data[0] & 1) {
		append(path, 1, SLICE("first"));
		if (env_read_file(path, &file) < 0)
			abort();
	}
	buf_append(&file, data + 1, size - 1);
	if (env_write_file(path, buf_slice(&file)) < 0 ||
	    journal_replay(path, last_is, &last, &damage) < 0)
		abort();
	append(path, UINT64_MAX, SLICE("last"));
	if (journal_replay(path, last_is, &last, &damage) < 0 || !last)
		abort();
	buf_release(&file);
	env_unlink(path);
	return 0;
}
