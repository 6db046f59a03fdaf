/*
 * Turns a row of errors.def into its errno, here and nowhere else: below fs/ nobody knows an
 * errno.
 */
#include "fs/nodes/fault.h"

#include <errno.h>

#include "engine/base/err.h"

int fault_errno(int err)
{
	switch (err) {
	case OK:
	case END: return 0;
#define ERROR(name, number, errno_value, text)                                                     \
	case number:                                                                               \
		return errno_value;
#include "engine/base/errors.def"
#undef ERROR
	default: return EIO;
	}
}
