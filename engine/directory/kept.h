/*
 * Small texts that are kept beside the data, with a checksum in the last line: `# 0badcafe`. Each
 * is whole, or as it was before the last write.
 */
#ifndef ENGINE_DIRECTORY_KEPT_H
#define ENGINE_DIRECTORY_KEPT_H

#include "engine/base/buf.h"
#include "engine/base/err.h"

/* Durable when it returns. */
int kept_write(const char *path, struct slice text);
/* Appends it, without the checksum. ERR_NOT_FOUND, ERR_CORRUPT. */
int kept_read(const char *path, struct buf *out);

#endif
