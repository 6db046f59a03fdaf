/*
 * What a power cut leaves of a data directory: all that was synced, and of files that only grow no
 * more than that where the caller says so. How much of a file was synced is known in programs that
 * link with -Wl,--wrap=env_sync.
 */
#ifndef TESTS_LIB_POWER_H
#define TESTS_LIB_POWER_H

enum power_loss { LOSES_LOG = 1, LOSES_INDEX = 2, LOSES_CATALOG = 4 };

/* Copy a data directory as it would be found; `loses` names the files that lose what is not synced.
 */
void power_cut(const char *from, const char *to, unsigned loses);

/* How often one of the engine's files was synced so far; what LevelDB and env.c sync is not in it.
 */
unsigned power_syncs(void);

#endif
