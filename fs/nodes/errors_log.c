/*
 * Keeps what was refused as text in memory, one log for each database under one lock: refused
 * lines are rare, and a loop that writes nothing else is cut to one entry a second.
 */
#include "fs/nodes/errors_log.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/clean.h"
#include "engine/base/env.h"
#include "engine/base/log.h"
#include "engine/base/map.h"
#include "engine/base/when.h"

/* How many different texts are remembered for "once a second". */
#define RECENT_COUNT 64

struct recent {
	uint64_t hash;
	int64_t time_ns;
	uint64_t left_out;
};

/* An entry that only some readers of the file may see. */
struct closed {
	size_t start, end; /* in the text */
	struct error_rights rights;
	int64_t time_ns;
};

struct log_text {
	uint32_t database_id;
	struct buf text;
	struct buf closed; /* of struct closed, in order */
	int64_t time_ns;
	int64_t open_time_ns; /* of the last entry that all may read, or of a clearing */
	struct recent recent[RECENT_COUNT];
	struct log_text *next;
};

struct errors_log {
	pthread_mutex_t lock;
	struct log_text *first; /* protected by lock */
};

struct errors_log *errors_log_new(void)
{
	struct errors_log *log = calloc(1, sizeof(*log));

	if (!log)
		log_out_of_memory(sizeof(*log));
	pthread_mutex_init(&log->lock, NULL);
	return log;
}

void errors_log_free(struct errors_log *log)
{
	log_hear(NULL, NULL);
	for (struct log_text *text = log->first, *next; text; text = next) {
		next = text->next;
		buf_release(&text->text);
		buf_release(&text->closed);
		free(text);
	}
	pthread_mutex_destroy(&log->lock);
	free(log);
}

static struct log_text *find(struct errors_log *log, uint32_t database_id)
{
	struct log_text *text = log->first;

	while (text && text->database_id != database_id)
		text = text->next;
	return text;
}

/* With the lock. */
static struct log_text *find_or_add(struct errors_log *log, uint32_t database_id)
{
	struct log_text *text = find(log, database_id);

	if (text)
		return text;
	text = calloc(1, sizeof(*text));
	if (!text)
		log_out_of_memory(sizeof(*text));
	text->database_id = database_id;
	text->next = log->first;
	log->first = text;
	return text;
}

/* The part of a long line that shows the column, never a piece of a UTF-8 character. */
static struct slice visible_part(struct slice line, uint32_t *column)
{
	size_t start = 0, end;

	if (*column > ERRORS_LINE_BYTES_MAX)
		start = *column - ERRORS_LINE_BYTES_MAX / 2;
	if (start > line.length)
		start = line.length;
	while (start > 0 && start < line.length && ((unsigned char)line.data[start] & 0xc0) == 0x80)
		start--;
	end = line.length - start > ERRORS_LINE_BYTES_MAX ? start + ERRORS_LINE_BYTES_MAX
							  : line.length;
	while (end > start && end < line.length && ((unsigned char)line.data[end] & 0xc0) == 0x80)
		end--;
	*column = *column > start ? *column - (uint32_t)start : 0;
	return slice_of(line.data + start, end - start);
}

/* What was written may hold anything, and must not look like an entry of its own. */
static void print_line(struct buf *out, struct slice line)
{
	buf_append_byte(out, '\t');
	clean_append(out, line, false);
	buf_append_byte(out, '\n');
}

/* One blank a character of what stands before it, so that it stands under its place. */
static void print_caret(struct buf *out, struct slice line, uint32_t column)
{
	struct slice before =
		slice_of(line.data, line.length < column - 1 ? line.length : column - 1);
	struct buf shown = { 0 };
	size_t blanks = clean_append(&shown, before, false) + (column - 1 - before.length);

	buf_release(&shown);
	buf_append_byte(out, '\t');
	while (blanks-- > 0)
		buf_append_byte(out, ' ');
	buf_append_text(out, "^\n");
}

/* One entry as text, without its time: pure, for the log and its test. */
static void error_entry_print(struct buf *out, const struct error_entry *entry)
{
	const struct diag *diag = entry->diag;
	uint32_t column = diag ? diag->column : 0;
	struct slice line = visible_part(entry->text, &column);

	clean_append(out, entry->file, false);
	if (entry->line_number)
		buf_printf(out, " line %llu", (unsigned long long)entry->line_number);
	buf_append_text(out, ": ");
	clean_append(out, slice_of_text(diag && diag->text[0] ? diag->text : err_text(entry->err)),
		     false);
	buf_append_byte(out, '\n');
	if (line.length == 0)
		return;
	print_line(out, line);
	if (column)
		print_caret(out, line, column);
}

/* The slot of a text: its own, or the oldest. */
static struct recent *recent_slot(struct log_text *text, uint64_t hash)
{
	struct recent *oldest = &text->recent[0];

	for (size_t i = 0; i < RECENT_COUNT; i++) {
		if (text->recent[i].hash == hash)
			return &text->recent[i];
		if (text->recent[i].time_ns < oldest->time_ns)
			oldest = &text->recent[i];
	}
	*oldest = (struct recent){ .hash = hash };
	return oldest;
}

/* What makes two entries the same: all but where in the file it was. */
static uint64_t entry_hash(const struct error_entry *entry)
{
	struct error_entry same = *entry;
	struct buf text = { 0 };
	uint64_t hash;

	same.line_number = 0;
	error_entry_print(&text, &same);
	/* The same text of another caller is another entry: the first one is hidden from it. */
	buf_printf(&text, "%d %u", entry->rights.has_uid, entry->rights.uid);
	hash = hash_bytes(buf_slice(&text)) | 1; /* 0 is an empty slot */
	buf_release(&text);
	return hash;
}

static void close_entry(struct log_text *text, size_t start, const struct error_rights *rights)
{
	struct closed closed = { start, text->text.length, *rights, text->time_ns };

	if (rights->is_private || rights->object_id)
		buf_append(&text->closed, &closed, sizeof(closed));
	else
		text->open_time_ns = text->time_ns;
}

/* Adds the entry behind the others. At ERRORS_BYTES_MAX the log begins anew: it is for people, who
 * read its end. */
static void append_entry(struct log_text *text, const struct error_entry *entry, uint64_t left_out)
{
	char when[WHEN_BYTES_MAX];
	size_t start;

	if (text->text.length >= ERRORS_BYTES_MAX) {
		buf_reset(&text->text);
		buf_reset(&text->closed);
	}
	start = text->text.length;
	buf_append(&text->text, when, when_print(when, text->time_ns));
	buf_append_byte(&text->text, ' ');
	error_entry_print(&text->text, entry);
	if (left_out)
		buf_printf(&text->text, "\t(and %llu times before within a second)\n",
			   (unsigned long long)left_out);
	close_entry(text, start, &entry->rights);
}

void errors_log_tell(struct errors_log *log, uint32_t database_id, const struct error_entry *entry)
{
	uint64_t hash = entry_hash(entry);
	int64_t now_ns = env_monotonic_ns();
	struct recent *recent;
	struct log_text *text;

	pthread_mutex_lock(&log->lock);
	text = find_or_add(log, database_id);
	recent = recent_slot(text, hash);
	if (recent->time_ns && now_ns - recent->time_ns < NS_PER_SECOND) {
		recent->left_out++;
	} else {
		text->time_ns = env_now_ns();
		append_entry(text, entry, recent->left_out);
		recent->left_out = 0;
		recent->time_ns = now_ns;
	}
	pthread_mutex_unlock(&log->lock);
}

static void hear(void *arg, const char *text)
{
	struct diag diag = { 0 };

	diag_set(&diag, ERR_IO, "%s", text);
	errors_log_tell(arg, 0,
			&(struct error_entry){ .file = SLICE("DATADIR"),
					       .err = ERR_IO,
					       .diag = &diag,
					       .text = SLICE(""),
					       .rights = { .is_private = true } });
}

void errors_log_hear(struct errors_log *log)
{
	log_hear(hear, log);
}

/* --- reading ---------------------------------------------------------------------------- */

/* Calls `each` for every stretch that the reader may see, in order. Called with the lock. */
static void each_visible(const struct log_text *text, errors_may *may, void *may_arg,
			 void (*each)(void *arg, struct slice part), void *arg)
{
	const struct closed *closed = (const struct closed *)(const void *)text->closed.data;
	size_t count = text->closed.length / sizeof(*closed), from = 0;

	for (size_t i = 0; i < count; i++) {
		if (may(may_arg, &closed[i].rights))
			continue;
		each(arg, slice_of(text->text.data + from, closed[i].start - from));
		from = closed[i].end;
	}
	each(arg, slice_of(text->text.data + from, text->text.length - from));
}

static void count_part(void *arg, struct slice part)
{
	*(uint64_t *)arg += part.length;
}

/* Called with the lock. */
static int64_t last_time_ns(const struct log_text *text, errors_may *may, void *arg)
{
	const struct closed *closed = (const struct closed *)(const void *)text->closed.data;

	for (size_t i = text->closed.length / sizeof(*closed); i > 0; i--) {
		if (closed[i - 1].time_ns <= text->open_time_ns)
			break;
		if (may(arg, &closed[i - 1].rights))
			return closed[i - 1].time_ns;
	}
	return text->open_time_ns;
}

struct errors_stat errors_log_stat(struct errors_log *log, uint32_t database_id, errors_may *may,
				   void *arg)
{
	struct errors_stat stat = { 0 };
	struct log_text *text;

	pthread_mutex_lock(&log->lock);
	text = find(log, database_id);
	if (text) {
		each_visible(text, may, arg, count_part, &stat.bytes);
		stat.time_ns = last_time_ns(text, may, arg);
	}
	pthread_mutex_unlock(&log->lock);
	return stat;
}

struct reading {
	uint64_t skip;
	size_t left;
	struct buf *out;
};

static void read_part(void *arg, struct slice part)
{
	struct reading *reading = arg;
	size_t skip = reading->skip < part.length ? (size_t)reading->skip : part.length;

	reading->skip -= skip;
	part = slice_from(part, skip);
	if (part.length > reading->left)
		part.length = reading->left;
	reading->left -= part.length;
	buf_append_slice(reading->out, part);
}

void errors_log_read(struct errors_log *log, uint32_t database_id, errors_may *may, void *arg,
		     uint64_t offset, size_t length, struct buf *out)
{
	struct reading reading = { offset, length, out };
	struct log_text *text;

	pthread_mutex_lock(&log->lock);
	text = find(log, database_id);
	if (text)
		each_visible(text, may, arg, read_part, &reading);
	pthread_mutex_unlock(&log->lock);
}

void errors_log_clear(struct errors_log *log, uint32_t database_id)
{
	struct log_text *text;

	pthread_mutex_lock(&log->lock);
	text = find(log, database_id);
	if (text) {
		buf_reset(&text->text);
		buf_reset(&text->closed);
		text->open_time_ns = text->time_ns = env_now_ns();
		memset(text->recent, 0, sizeof(text->recent));
	}
	pthread_mutex_unlock(&log->lock);
}
