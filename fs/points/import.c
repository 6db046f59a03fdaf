/*
 * Finds the headers of a dump in what is written to `write`. Lines are looked at one by one
 * only before the points begin; after that the search for the next header costs a memchr().
 */
#include "fs/points/import.h"

#include <string.h>

#define CONTEXT_PREFIX	  "# CONTEXT-"
#define WAITING_BYTES_MAX ((size_t)1 << 20)

void import_init(struct import *import, const struct import_owner *owner)
{
	*import = (struct import){ .owner = *owner };
}

void import_release(struct import *import)
{
	buf_release(&import->database);
	buf_release(&import->first);
	buf_release(&import->waiting);
}

/* --- statements ------------------------------------------------------------------------ */

static int judge_statement(struct import *import, struct slice line, struct diag *diag)
{
	struct buf named = { 0 };
	int err = OK;

	if (import->waiting.length + line.length > WAITING_BYTES_MAX)
		err = diag_set(diag, ERR_TOO_LONG, "statements of more than %zu bytes",
			       WAITING_BYTES_MAX);
	if (err == OK)
		err = import->owner.statement(import->owner.arg, line, SLICE(""), &named, diag);
	if (err == OK && import->first.length == 0)
		buf_append_slice(&import->first, buf_slice(&named));
	if (err == OK) {
		buf_append_slice(&import->waiting, line);
		buf_append_byte(&import->waiting, '\n');
	}
	buf_release(&named);
	return err;
}

/* Those about the database of the points, or of the first statement where none is told. */
int import_finish(struct import *import, struct diag *diag)
{
	struct slice database =
		buf_slice(import->database.length ? &import->database : &import->first);
	struct slice rest = buf_slice(&import->waiting);
	struct buf named = { 0 };
	int err = OK;

	while (err == OK && rest.length) {
		size_t length = (size_t)(slice_find(rest, '\n') - rest.data);

		err = import->owner.statement(import->owner.arg, slice_of(rest.data, length),
					      database, &named, diag);
		rest = slice_from(rest, length + 1);
	}
	buf_reset(&import->waiting);
	buf_release(&named);
	return err;
}

/* --- headers ------------------------------------------------------------------------- */

static struct slice trim(struct slice text)
{
	while (text.length && strchr(" \t\r", text.data[0]))
		text = slice_from(text, 1);
	while (text.length && strchr(" \t\r", text.data[text.length - 1]))
		text.length--;
	return text;
}

static int begin_ddl(struct import *import, struct slice value, struct diag *diag)
{
	import->part = IMPORT_DDL;
	return OK;
}

static int begin_dml(struct import *import, struct slice value, struct diag *diag)
{
	import->part = IMPORT_DML;
	return OK;
}

static int set_database(struct import *import, struct slice name, struct diag *diag)
{
	import->part = IMPORT_DML;
	if (import->database.length == 0)
		buf_append_slice(&import->database, name);
	if (slice_equal(buf_slice(&import->database), name))
		return import_finish(import, diag);
	return diag_set(diag, ERR_INVALID,
			"the points of database \"%.*s\" end here, those of \"%.*s\" begin: write "
			"them to its own `write`",
			(int)import->database.length, import->database.data, (int)name.length,
			name.data);
}

static int set_policy(struct import *import, struct slice name, struct diag *diag)
{
	import->part = IMPORT_DML;
	TRY(import_finish(import, diag));
	return import->owner.policy(import->owner.arg, name, diag);
}

static const struct header {
	const char *word;
	int (*take)(struct import *import, struct slice value, struct diag *diag);
} headers[] = {
	{ "# DDL", begin_ddl },
	{ "# DML", begin_dml },
	{ CONTEXT_PREFIX "DATABASE:", set_database },
	{ CONTEXT_PREFIX "RETENTION-POLICY:", set_policy },
};

/* Any other comment means nothing. */
static int take_header(struct import *import, struct slice line, struct diag *diag)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		struct slice word = slice_of_text(headers[i].word);

		if (slice_starts_with(line, word))
			return headers[i].take(import, trim(slice_from(line, word.length)), diag);
	}
	return OK;
}

/* --- lines before the points ------------------------------------------------------------ */

static int take_line(struct import *import, struct slice line, struct diag *diag)
{
	line = trim(line);
	if (line.length == 0)
		return OK;
	if (line.data[0] == '#')
		return take_header(import, line, diag);
	if (import->part == IMPORT_DDL)
		return judge_statement(import, line, diag);
	import->part = IMPORT_PLAIN;
	return END; /* it is a point's */
}

/* The length of the first line with its end; 0: it is not whole. */
static size_t line_length(struct slice text, bool final)
{
	const char *end = slice_find(text, '\n');

	return end ? (size_t)(end - text.data) + 1 : final ? text.length : 0;
}

/* --- points ---------------------------------------------------------------------------------- */

static bool is_at_context(struct slice text)
{
	return slice_starts_with(text, SLICE(CONTEXT_PREFIX));
}

/*
 * Where the next header may begin, from `from` on; the end when none does. Looked for by its `#`,
 * which lines of points hardly ever hold: memmem() took a twentieth of all that storing them did.
 */
static size_t next_context(struct slice text, size_t from)
{
	const char *p = text.data + from, *end = text.data + text.length;

	while (p < end && (p = memchr(p, '#', (size_t)(end - p)))) {
		size_t at = (size_t)(p - text.data);

		if (at > from && p[-1] == '\n' && is_at_context(slice_from(text, at)))
			return at;
		p++;
	}
	return text.length;
}

/*
 * Points up to a header, or all. What looks like a header may stand in a string: then the lines
 * before do not end there, and the points go on over it.
 */
static int write_points(struct import *import, struct slice text, bool final, size_t *at,
			uint64_t *lines, struct diag *diag)
{
	size_t end = *at;

	for (;;) {
		size_t consumed;
		uint64_t count;
		bool whole;

		end = next_context(text, end);
		whole = end == text.length;
		import->lines = *lines;
		int err =
			import->owner.write(import->owner.arg, slice_of(text.data + *at, end - *at),
					    final && whole, &consumed, &count, diag);
		*at += consumed;
		if (err < 0 && diag && diag->line)
			diag->line += *lines;
		*lines += count;
		if (err < 0 || whole || *at == end)
			return err;
	}
}

/* One line, or points. END: the rest is not whole. */
static int step(struct import *import, struct slice text, bool final, size_t *at, uint64_t *lines,
		struct diag *diag)
{
	struct slice rest = slice_from(text, *at);

	if (import->part == IMPORT_PLAIN || (import->part == IMPORT_DML && !is_at_context(rest))) {
		size_t before = *at;
		int err = import_finish(import, diag);

		if (err < 0) {
			diag->line = *lines + 1;
			return err;
		}
		TRY(write_points(import, text, final, at, lines, diag));
		return *at == before ? END : OK;
	}
	size_t length = line_length(rest, final);
	if (length == 0)
		return END;
	int err = take_line(import, slice_of(rest.data, length - (rest.data[length - 1] == '\n')),
			    diag);
	if (err < 0 && diag)
		diag->line = *lines + 1;
	if (err != OK)
		return err < 0 ? err : OK;
	*at += length;
	++*lines;
	return OK;
}

int import_write(struct import *import, struct slice text, bool final, size_t *consumed,
		 uint64_t *lines, struct diag *diag)
{
	int err = OK;

	*consumed = 0;
	*lines = 0;
	while (err == OK && *consumed < text.length)
		err = step(import, text, final, consumed, lines, diag);
	return err < 0 ? err : OK;
}
