/* Any text as a request: refused, or its print reads back as the same print. */
#include <stdlib.h>

#include "query/language/parser.h"
#include "query/language/print.h"
#include "tests/lib/fuzz.h"

/* False when it is refused. */
static bool print_request(struct slice text, struct buf *out)
{
	struct arena arena = { .bytes_max = 16u << 20 };
	struct request request;
	struct parse_end end;
	struct diag diag = { 0 };
	int err = parse_request(text, NULL, &arena, &request, &end, &diag);

	if (err != OK && err != ERR_INVALID && err != ERR_LIMIT)
		abort();
	if (err < 0 && !diag.text[0])
		abort();
	for (size_t i = 0; err == OK && i < request.count; i++) {
		buf_append_text(out, i ? ";" : "");
		statement_print(out, &request.statements[i]);
	}
	arena_release(&arena);
	return err == OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first = { 0 }, second = { 0 };

	/* Passwords are not printed. */
	if (print_request(slice_of(data, size), &first) &&
	    !strstr(buf_text(&first), "[REDACTED]")) {
		if (!print_request(buf_slice(&first), &second) ||
		    !slice_equal(buf_slice(&first), buf_slice(&second)))
			abort();
	}
	buf_release(&first);
	buf_release(&second);
	return 0;
}
