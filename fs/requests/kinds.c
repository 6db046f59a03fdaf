/*
 * Which struct kind_ops does what for a kind: the column `ops` of tree.def, expanded. Here alone
 * all kinds meet, so that none has to include another's file.
 */
#include "fs/requests/kinds.h"

#include "fs/answers/answer.h"
#include "fs/answers/exec.h"
#include "fs/answers/query_dir.h"
#include "fs/points/scratch.h"
#include "fs/points/series.h"
#include "fs/points/write.h"
#include "fs/requests/directories.h"
#include "fs/service/control.h"
#include "fs/service/errors_file.h"
#include "fs/service/pages.h"
#include "fs/settings/setting.h"
#include "fs/snapshots/frozen.h"

const struct kind_ops *const kinds[KIND_COUNT] = {
#define KIND(kind, word, type, mode, ops) [KIND_##kind] = &ops##_kind,
#define NAME(...)
#define CALLS(...)
#include "fs/nodes/tree.def"
#undef KIND
#undef NAME
#undef CALLS
};
