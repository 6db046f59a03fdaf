/*
 * Errors: one int that travels up, and one struct for the words.
 *
 * A function returns 0 (OK) on success, below 0 a row of errors.def, and END
 * where it counts things off and nothing is left.
 */
#ifndef ENGINE_BASE_ERR_H
#define ENGINE_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	OK = 0,
	END = 1,
#define ERROR(name, number, errno_value, text) ERR_##name = number,
#include "engine/base/errors.def"
#undef ERROR
};

/* Return from the caller when `call` fails; for places where nothing is owned yet. */
#define TRY(call)                                                                                  \
	do {                                                                                       \
		int try_err_ = (call);                                                             \
		if (try_err_ < 0)                                                                  \
			return try_err_;                                                           \
	} while (0)

#define DIAG_TEXT_BYTES_MAX 1024

/*
 * What went wrong, for people. The caller lends it, zeroed; the function that finds the
 * mistake fills it once. `column` counts bytes from 1 within `line`; 0 means
 * the place is not known.
 */
struct diag {
	char text[DIAG_TEXT_BYTES_MAX]; /* one sentence, no newline, NUL-terminated */
	uint64_t line;			/* from 1, within what was given; 0 = unknown */
	uint32_t column;		/* from 1, in bytes; 0 = unknown */
	bool stands_alone;		/* the sentence says what failed: no words in front */
};

/* Nothing said: what a zeroed one is, at a fraction of the cost where it is done for each line. */
static inline void diag_reset(struct diag *diag)
{
	diag->text[0] = '\0';
	diag->line = 0;
	diag->column = 0;
	diag->stands_alone = false;
}

/* The row's sentence for `err`; never NULL. */
const char *err_text(int err);

/* Of the machine and its limits, not of the data: the next try need not meet it. */
bool err_is_passing(int err);

/* Fill `diag` (may be NULL) unless it is filled already, and return `err`. */
int diag_set(struct diag *diag, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, with the place. */
int diag_set_at(struct diag *diag, int err, uint64_t line, uint32_t column, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#endif
