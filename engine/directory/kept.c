/*
 * Reads and writes small texts with a checksum. Why: a disk may give back what was never written,
 * and a clock that is read wrong gives numbers twice.
 */
#include "engine/directory/kept.h"

#include <stdio.h>

#include "engine/base/env.h"
#include "engine/base/map.h"

/* The last line is `# CHECKSUM`; texts without one are of a version that wrote none. */
int kept_read(const char *path, struct buf *out)
{
	size_t start = out->length, at;
	unsigned checksum;

	TRY(env_read_file(path, out));
	at = out->length > start ? out->length - 1 : start;
	while (at > start && out->data[at - 1] != '\n')
		at--;
	if (at == out->length || out->data[at] != '#')
		return OK;
	struct slice text = slice_of(out->data + start, at - start);
	bool whole = sscanf(buf_text(out) + at, "# %8x\n", &checksum) == 1 &&
		     checksum == (uint32_t)hash_bytes(text);
	out->length = at;
	return whole ? OK : ERR_CORRUPT;
}

int kept_write(const char *path, struct slice text)
{
	struct buf summed = { 0 };

	buf_append_slice(&summed, text);
	buf_printf(&summed, "# %08x\n", (unsigned)(uint32_t)hash_bytes(text));
	int err = env_write_file(path, buf_slice(&summed));
	buf_release(&summed);
	return err;
}
