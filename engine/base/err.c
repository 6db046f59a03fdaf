/* The words behind the numbers of errors.def, and the one place that fills a diag. */
#include "engine/base/err.h"

#include <stdarg.h>
#include <stdio.h>

const char *err_text(int err)
{
	switch (err) {
	case OK: return "fine";
	case END: return "nothing left";
#define ERROR(name, number, errno_value, text)                                                     \
	case number:                                                                               \
		return text;
#include "engine/base/errors.def"
#undef ERROR
	}
	return "unknown error";
}

bool err_is_passing(int err)
{
	return err == ERR_SPACE || err == ERR_FILE_SIZE || err == ERR_FILES || err == ERR_MEMORY ||
	       err == ERR_LIMIT || err == ERR_READ_ONLY;
}

/* A message may quote a line of the user's; what is shown stays one line. */
static void fold_newlines(char *text)
{
	for (; *text; text++)
		if (*text == '\n')
			*text = ' ';
}

__attribute__((format(printf, 4, 0))) static void
diag_fill(struct diag *diag, uint64_t line, uint32_t column, const char *format, va_list args)
{
	if (!diag || diag->text[0])
		return;
	vsnprintf(diag->text, sizeof(diag->text), format, args);
	fold_newlines(diag->text);
	diag->line = line;
	diag->column = column;
}

int diag_set(struct diag *diag, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	diag_fill(diag, 0, 0, format, args);
	va_end(args);
	return err;
}

int diag_set_at(struct diag *diag, int err, uint64_t line, uint32_t column, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	diag_fill(diag, line, column, format, args);
	va_end(args);
	return err;
}
