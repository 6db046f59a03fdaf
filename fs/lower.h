/*
 * The layers below, as this one includes them: engine.h names an enum `stat`,
 * which is POSIX's struct as well. Nobody below needs the struct; here both
 * meet, so the enum's tag gets another name while its header is read.
 */
#ifndef FS_LOWER_H
#define FS_LOWER_H

#include <sys/stat.h>

#define stat stat_counter
#include "engine/engine.h"
#include "query/query.h"
#undef stat

#endif
