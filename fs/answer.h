/*
 * query/TEXT: an answer is a file whose bytes never change, made on demand.
 *
 *	LOOKUP ─ starts an evaluation in the pool, or finds one that still holds
 *	GETATTR, OPEN ─ wait for it, as entries of its list of waiters (no thread)
 *	READ ─ out of memory
 *
 * Each evaluation has a nodeid of its own, so that the kernel's pages belong to
 * one answer; the st_ino is the text's. An answer over its memory budget has
 * size 0 and is streamed, by an evaluation for each open file.
 */
#ifndef FS_ANSWER_H
#define FS_ANSWER_H

#include "fs/handle.h"

struct answer_table;

struct answer_table *answer_table_new(uint64_t bytes_max);
/* After the pools have stopped. */
void answer_table_free(struct answer_table *table);
/* Answers everyone who waits with EINTR and cancels what runs. */
void answer_cancel_all(struct mount *mount);
uint64_t answer_table_bytes(struct answer_table *table);

/* Answers LOOKUP. */
void answer_lookup(fuse_req_t req, struct mount *mount, const struct place *place,
		   struct slice text);
/* OK, END: not ready yet, or the error of the query. */
int answer_stat(struct mount *mount, struct node *node, struct stat *out);
/* Will answer_stat() never change again, and is the same for all who come by the path? */
bool answer_is_settled(struct mount *mount, const struct node *node);
/* GETATTR: ERR_ACCESS when it took rights that the caller has not; OK while it runs. */
int answer_check(fuse_req_t req, struct mount *mount, struct node *node);
/* Answers GETATTR when it is ready. */
void answer_wait_attr(fuse_req_t req, struct mount *mount, struct node *node);
int answer_open(fuse_req_t req, struct mount *mount, struct node *node, struct fuse_file_info *info,
		struct handle **out);
/* A few times a second: give up for readers that went away, send entries that waited enough. */
void answer_tick(struct mount *mount);
bool answer_has_waiters(struct answer_table *table);

#endif
