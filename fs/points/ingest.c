/*
 * Cuts what is written into whole lines and keeps the unfinished one until its rest comes.
 * Writes are cut anywhere, by the kernel and by stdio; a bad line must still fail the write
 * that holds it, with the count of what was stored before.
 */
#include "fs/points/ingest.h"

#define TAIL_BYTES_KEPT ((size_t)64 << 10)

/*
 * The kernel cuts a long write(2) at 256 pages, and at a page less some bytes
 * when the buffer does not begin on a page.
 */
#define FULL_REQUEST_BYTES ((size_t)255 << 12)

void ingest_init(struct ingest *ingest, const struct ingest_owner *owner, size_t line_bytes_max)
{
	*ingest = (struct ingest){ .owner = *owner, .line_bytes_max = line_bytes_max };
	pthread_mutex_init(&ingest->lock, NULL);
}

void ingest_release(struct ingest *ingest)
{
	buf_release(&ingest->tail);
	budget_hold(ingest->budget, &ingest->held, 0);
	pthread_mutex_destroy(&ingest->lock);
}

uint64_t ingest_lines_before(const struct ingest *ingest)
{
	return ingest->line_count;
}

static struct slice first_line(struct slice text)
{
	const char *end = slice_find(text, '\n');

	return slice_of(text.data, end ? (size_t)(end - text.data) : text.length);
}

static void tell(struct ingest *ingest, int err, const struct diag *diag, uint64_t line_number,
		 struct slice text)
{
	ingest->owner.tell(ingest->owner.arg, err, diag, line_number, first_line(text));
}

/* The unfinished line at the end grew over the limit. */
static int check_length(struct ingest *ingest, struct slice rest)
{
	struct diag diag = { 0 };

	if (rest.length <= ingest->line_bytes_max)
		return OK;
	diag_set(&diag, ERR_TOO_LONG, "a line of more than %zu bytes", ingest->line_bytes_max);
	tell(ingest, ERR_TOO_LONG, &diag, ingest->line_count + 1, rest);
	return ERR_TOO_LONG;
}

/* The owner's, behind the byte order mark that may stand before the first line of all. */
static int store_behind_mark(struct ingest *ingest, struct slice text, bool final, size_t *consumed,
			     uint64_t *lines, struct diag *diag)
{
	struct slice rest = ingest->has_begun ? text : slice_without_mark(text);
	size_t mark_bytes = text.length - rest.length;
	int err = ingest->owner.store(ingest->owner.arg, rest, final, consumed, lines, diag);

	if (*consumed)
		*consumed += mark_bytes;
	/* What a close found unfinished waits for its rest, mark and all. */
	ingest->has_begun |= *consumed > 0 || (err < 0 && !final);
	return err;
}

/* Store the whole lines of `text`; `*consumed` tells up to where it is good. */
static int store(struct ingest *ingest, struct slice text, bool final, size_t *consumed)
{
	struct diag diag = { 0 };
	uint64_t lines = 0, number;
	int err;

	*consumed = 0;
	err = store_behind_mark(ingest, text, final, consumed, &lines, &diag);
	number = ingest->line_count + (diag.line ? diag.line : lines + 1);
	if (err < 0 && !final)
		tell(ingest, err, &diag, number, slice_from(text, *consumed));
	ingest->line_count += lines;
	if (err == OK)
		err = check_length(ingest, slice_from(text, *consumed));
	return err;
}

/* Did the kernel cut one write(2) so that this request goes on where the last one ended? */
static bool continues(const struct ingest *ingest, uint64_t offset)
{
	return ingest->request_length >= FULL_REQUEST_BYTES && ingest->request_end == offset;
}

/* Its memory as well where there was much: a handle may stay open for long. */
static void drop_tail(struct ingest *ingest)
{
	if (ingest->tail.capacity > TAIL_BYTES_KEPT)
		buf_release(&ingest->tail);
	buf_reset(&ingest->tail);
	budget_hold(ingest->budget, &ingest->held, 0);
}

/*
 * A bad line at `consumed` of what waited and came. What came before it in
 * this request counts as taken; when that is nothing, the request fails. The
 * kernel turns a failure in the second part of one write(2) into a short
 * count, so there the next write(2) owes it as well.
 */
static int refuse(struct ingest *ingest, int err, size_t waited, size_t consumed, uint64_t offset,
		  size_t *taken)
{
	drop_tail(ingest);
	if (consumed > waited) {
		*taken = consumed - waited;
		ingest->failure = err;
		return OK;
	}
	*taken = 0;
	if (continues(ingest, offset))
		ingest->failure = err;
	return err;
}

/* Keeps what no newline ended. `joined`: it lies in the tail already. */
static void keep_rest(struct ingest *ingest, struct slice text, bool joined, size_t consumed)
{
	if (joined)
		buf_consume(&ingest->tail, consumed);
	else
		buf_append_slice(&ingest->tail, slice_from(text, consumed));
}

static int take(struct ingest *ingest, struct slice text, uint64_t offset, size_t *taken)
{
	size_t waited = ingest->tail.length, consumed = 0, length = text.length;
	bool has_end = memchr(text.data, '\n', length) != NULL;
	int err;

	if (waited) {
		buf_append_slice(&ingest->tail, text);
		text = buf_slice(&ingest->tail);
	}
	/* Without a newline nothing can have become whole: spare the scan of what waits. */
	err = has_end ? store(ingest, text, false, &consumed) : check_length(ingest, text);
	if (err < 0)
		return refuse(ingest, err, waited, consumed, offset, taken);
	keep_rest(ingest, text, waited > 0, consumed);
	if (!budget_hold(ingest->budget, &ingest->held, ingest->tail.length)) {
		struct diag diag = { 0 };

		diag_set(&diag, ERR_LIMIT, "open files hold more than their memory (scratch_mb)");
		tell(ingest, ERR_LIMIT, &diag, ingest->line_count + 1, buf_slice(&ingest->tail));
		return refuse(ingest, ERR_LIMIT, waited, consumed, offset, taken);
	}
	*taken = length;
	return OK;
}

int ingest_write(struct ingest *ingest, struct slice text, uint64_t offset, size_t *taken)
{
	int err;

	*taken = 0;
	pthread_mutex_lock(&ingest->lock);
	err = ingest->failure;
	ingest->failure = OK;
	if (err == OK && text.length > 0)
		err = take(ingest, text, offset, taken);
	ingest->request_length = text.length;
	ingest->request_end = offset + text.length;
	pthread_mutex_unlock(&ingest->lock);
	return err;
}

int ingest_flush(struct ingest *ingest)
{
	size_t consumed;
	int err = OK;

	pthread_mutex_lock(&ingest->lock);
	if (ingest->tail.length > 0) {
		err = store(ingest, buf_slice(&ingest->tail), true, &consumed);
		if (err == OK)
			drop_tail(ingest);
	}
	if (err == OK && ingest->owner.whole)
		err = ingest->owner.whole(ingest->owner.arg);
	pthread_mutex_unlock(&ingest->lock);
	return err;
}

void ingest_finish(struct ingest *ingest)
{
	struct diag diag = { 0 };
	size_t consumed = 0;
	uint64_t lines = 0;
	int err;

	if (ingest->tail.length == 0)
		return;
	err = store_behind_mark(ingest, buf_slice(&ingest->tail), true, &consumed, &lines, &diag);
	if (err < 0)
		tell(ingest, err, &diag, ingest->line_count + 1, buf_slice(&ingest->tail));
	drop_tail(ingest);
}
