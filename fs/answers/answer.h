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
#ifndef FS_ANSWERS_ANSWER_H
#define FS_ANSWERS_ANSWER_H

#include "fs/nodes/kind.h"

extern const struct kind_ops answer_kind;

struct answer_table;

struct answer_table *answer_table_new(uint64_t bytes_max);
/* After the pools have stopped. */
void answer_table_free(struct answer_table *table);
/* Answers everyone who waits with EINTR and cancels what runs. */
void answer_cancel_all(struct mount *mount);
uint64_t answer_table_bytes(struct answer_table *table);

/* A few times a second: give up for readers that went away, send entries that waited enough. */
void answer_tick(struct mount *mount);
bool answer_has_waiters(struct answer_table *table);

#endif
