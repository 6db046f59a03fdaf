/* `errors` as a file: of a database, and .seriesfs/errors. */
#ifndef FS_SERVICE_ERRORS_FILE_H
#define FS_SERVICE_ERRORS_FILE_H

#include "fs/nodes/kind.h"

extern const struct kind_ops errors_kind;

#endif
