/*
 * Pages of mapped files that cannot be read: a file cut while it is mapped, a bad sector, a network
 * file system that threw its client out. The kernel answers such an access with SIGBUS, which ends
 * a process. LevelDB maps its tables, and can be told neither to read them nor to look first.
 *
 * From lost_pages_survive() on such a page reads as zeros until its file is unmapped. Zeros have no
 * right checksum: a reader of the table finds damage, and does not take them for data.
 */
#ifndef ENGINE_BASE_LOST_PAGE_H
#define ENGINE_BASE_LOST_PAGE_H

/* Once or more often, from any thread. */
void lost_pages_survive(void);

#endif
