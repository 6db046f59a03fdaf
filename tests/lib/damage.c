/* Files as damage leaves them; damage.h tells of which kinds. */
#include "tests/lib/damage.h"

#include <stdio.h>

#include "engine/base/buf.h"
#include "engine/base/env.h"
#include "engine/base/err.h"
#include "tests/lib/test.h"

void damage_write_alone(const char *path, struct slice content)
{
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s.copy", path);
	env_unlink(copy);
	CHECK_INT(env_write_file(path, content), OK);
}

void damage_write(const char *path, struct slice whole, struct slice copy, enum damage_kind kind,
		  size_t at)
{
	struct buf file = { 0 };
	char copy_path[4096];

	snprintf(copy_path, sizeof(copy_path), "%s.copy", path);
	CHECK_INT(env_write_file(copy_path, copy), OK);
	buf_append_slice(&file, kind == DAMAGE_CUT ? slice_of(whole.data, at) : whole);
	if (kind == DAMAGE_FLIPPED)
		file.data[at] ^= 0x11;
	if (kind == DAMAGE_ZEROED)
		memset(file.data + at, 0, file.length - at);
	CHECK_INT(env_write_file(path, buf_slice(&file)), OK);
	if (kind == DAMAGE_MISSING)
		env_unlink(path);
	buf_release(&file);
}
