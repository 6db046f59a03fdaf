/*
 * What the workload asks of a store, by names: work_engine.c does it to an engine in the process,
 * work_mount.c through a mount. All return 0 or below 0.
 */
#ifndef TESTS_TORTURE_WORK_H
#define TESTS_TORTURE_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/slice.h"

int work_open(const char *path, bool sync_writes, unsigned commit_seconds);
/* Cleanly, so that everything is durable afterwards. */
int work_close(void);
/* All lines or an error. */
int work_write(const char *database, const char *policy, struct slice text);
int work_sync(const char *database);
int work_flush(void);
int work_compact(void);
int work_make_database(const char *name);
int work_make_policy(const char *database, const char *name, unsigned shards, unsigned hours);
/* policy NULL: of the database. */
int work_rename(const char *database, const char *policy, const char *to);
int work_drop(const char *database, const char *policy);
/* Settings of a policy that is there; groups that are keep their windows. */
int work_set_policy(const char *database, const char *policy, unsigned shards, unsigned hours);
/* The window of the group that holds a time; below 0: there is none. */
int work_find_group(const char *database, const char *policy, int64_t time_s, int64_t *start_s,
		    int64_t *end_s);
int work_drop_group(const char *database, const char *policy, int64_t start_s, int64_t end_s);
/* As by a rename over it: what a series has in a group gives way to `text`, which is of it. */
int work_replace(const char *database, const char *policy, int64_t start_s, int64_t end_s,
		 const char *series, struct slice text);
int work_delete(const char *database, const char *policy, const char *series);
int work_freeze(const char *database, const char *name);
int work_thaw(const char *database, const char *name);

#endif
