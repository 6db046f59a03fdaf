/* Text in memory under one lock; refused lines are rare enough for that. */
#include "fs/errors_log.h"

#include <pthread.h>
#include <stdlib.h>

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

struct log_text {
	uint32_t database_id;
	struct buf text;
	int64_t time_ns;
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

/* Control bytes would break the picture: each shows as one question mark. */
static void print_line(struct buf *out, struct slice line)
{
	buf_append_byte(out, '\t');
	for (size_t i = 0; i < line.length; i++) {
		unsigned char byte = (unsigned char)line.data[i];

		buf_append_byte(out, byte < 0x20 || byte == 0x7f ? '?' : (char)byte);
	}
	buf_append_byte(out, '\n');
}

static void print_caret(struct buf *out, struct slice line, uint32_t column)
{
	buf_append_byte(out, '\t');
	/* One blank a character, so that it stands under its place. */
	for (size_t i = 0; i + 1 < column; i++)
		if (i >= line.length || ((unsigned char)line.data[i] & 0xc0) != 0x80)
			buf_append_byte(out, ' ');
	buf_append_text(out, "^\n");
}

void error_entry_print(struct buf *out, const struct error_entry *entry)
{
	const struct diag *diag = entry->diag;
	uint32_t column = diag ? diag->column : 0;
	struct slice line = visible_part(entry->text, &column);

	buf_append_slice(out, entry->file);
	if (entry->line_number)
		buf_printf(out, " line %llu", (unsigned long long)entry->line_number);
	buf_printf(out, ": %s\n", diag && diag->text[0] ? diag->text : err_text(entry->err));
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
	hash = hash_bytes(buf_slice(&text)) | 1; /* 0 is an empty slot */
	buf_release(&text);
	return hash;
}

static void append_entry(struct log_text *text, const struct error_entry *entry, uint64_t left_out)
{
	char when[WHEN_BYTES_MAX];

	if (text->text.length >= ERRORS_BYTES_MAX)
		buf_reset(&text->text);
	buf_append(&text->text, when, when_print(when, text->time_ns));
	buf_append_byte(&text->text, ' ');
	error_entry_print(&text->text, entry);
	if (left_out)
		buf_printf(&text->text, "\t(and %llu times before within a second)\n",
			   (unsigned long long)left_out);
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
					       .text = SLICE("") });
}

void errors_log_hear(struct errors_log *log)
{
	log_hear(hear, log);
}

uint64_t errors_log_bytes(struct errors_log *log, uint32_t database_id)
{
	struct log_text *text;
	uint64_t bytes;

	pthread_mutex_lock(&log->lock);
	text = find(log, database_id);
	bytes = text ? text->text.length : 0;
	pthread_mutex_unlock(&log->lock);
	return bytes;
}

int64_t errors_log_time_ns(struct errors_log *log, uint32_t database_id)
{
	struct log_text *text;
	int64_t time_ns;

	pthread_mutex_lock(&log->lock);
	text = find(log, database_id);
	time_ns = text ? text->time_ns : 0;
	pthread_mutex_unlock(&log->lock);
	return time_ns;
}

void errors_log_read(struct errors_log *log, uint32_t database_id, uint64_t offset, size_t length,
		     struct buf *out)
{
	struct log_text *text;

	pthread_mutex_lock(&log->lock);
	text = find(log, database_id);
	if (text && offset < text->text.length) {
		size_t left = text->text.length - (size_t)offset;

		buf_append(out, text->text.data + offset, left < length ? left : length);
	}
	pthread_mutex_unlock(&log->lock);
}

void errors_log_clear(struct errors_log *log, uint32_t database_id)
{
	struct log_text *text;

	pthread_mutex_lock(&log->lock);
	text = find(log, database_id);
	if (text) {
		buf_reset(&text->text);
		text->time_ns = env_now_ns();
		memset(text->recent, 0, sizeof(text->recent));
	}
	pthread_mutex_unlock(&log->lock);
}
