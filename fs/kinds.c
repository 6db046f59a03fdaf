/*
 * Which struct kind_ops does what for a kind: the column `ops` of tree.def, expanded. Here alone
 * all kinds meet, so that none has to include another's file.
 */
#include "fs/kinds.h"

#include "fs/answer.h"
#include "fs/control.h"
#include "fs/directories.h"
#include "fs/errors_file.h"
#include "fs/exec.h"
#include "fs/frozen.h"
#include "fs/pages.h"
#include "fs/query_dir.h"
#include "fs/scratch.h"
#include "fs/series.h"
#include "fs/setting.h"
#include "fs/write.h"

const struct kind_ops *const kinds[KIND_COUNT] = {
#define KIND(kind, word, type, mode, ops) [KIND_##kind] = &ops##_kind,
#define NAME(...)
#define CALLS(...)
#include "fs/tree.def"
#undef KIND
#undef NAME
#undef CALLS
};
