/*
 * What the kernel knows of the tree: one node for each nodeid it was given.
 *
 *	nodeid ─► node { place, text, payload }      place, text ─► node, while keyed
 *
 * nodeids count up from 2 and are never reused; they are not st_ino
 * (tree_ino). A keyed node is found again by the next lookup of its place; a
 * fresh one never is, and a retired one no longer. The kernel counts its
 * lookups and tells when it forgets them; a node lives until then and until
 * its last handle is closed.
 *
 * Threads: the table locks by itself. A node stays while a request for it is
 * unanswered, so that a borrowed one needs no count of its own.
 */
#ifndef FS_NODES_NODE_H
#define FS_NODES_NODE_H

#include <stdatomic.h>

#include "fs/nodes/tree.h"

struct node {
	uint64_t id;
	struct place place;
	char *text; /* owned, NUL-terminated: see place.h; "" when there is none */
	size_t text_length;
	/* What the kind keeps beside (series view, scratch file, answer, page); set at birth. */
	void *payload;
	void (*payload_release)(void *payload);
	atomic_int handle_count;

	/* protected by the table's lock */
	int requests_in_pool; /* see loop.c */
	uint64_t lookup_count;
	int64_t claimed_ns; /* monotonic: a lookup that an open has not followed yet; 0 = none */
	bool keyed;
	uint64_t key_hash;
	struct node *next_by_id, *next_by_key;
};

static inline struct slice node_text(const struct node *node)
{
	return slice_of(node->text, node->text_length);
}

struct node_table;

struct node_table *node_table_new(const struct place *root);
/* Frees all nodes, whatever the kernel still knows. */
void node_table_free(struct node_table *table);

/* NULL: the kernel made a number up. */
struct node *node_find(struct node_table *table, uint64_t id);
/* The keyed node of a place, one more lookup; NULL. Give it back with node_forget(). */
struct node *node_take(struct node_table *table, const struct place *place, struct slice text);
/* The keyed node of a place, or a new one; one more lookup. `*is_new` tells which. */
struct node *node_intern(struct node_table *table, const struct place *place, struct slice text,
			 bool *is_new);
/*
 * For files whose writers must not meet in one inode (the kernel locks it while it writes): the
 * keyed node of the place if nobody has it open or is just about to, else a new one, which is
 * then the keyed one. The nodeid of an idle file stays, or each `echo` would cost the kernel a
 * second lookup.
 */
struct node *node_intern_idle(struct node_table *table, const struct place *place,
			      struct slice text);
/* It is being opened: the lookup that led there is over. */
void node_opened(struct node_table *table, struct node *node);
/* A new node that is not keyed; one lookup. */
struct node *node_add(struct node_table *table, const struct place *place, struct slice text);
/* Make it the keyed node of its place, in place of whichever was. */
void node_key(struct node_table *table, struct node *node);
/* The next lookup of the place gets a new nodeid. */
void node_retire_place(struct node_table *table, const struct place *place, struct slice text);
void node_forget(struct node_table *table, uint64_t id, uint64_t count);

/* Handles keep a node alive past the kernel's forgetting. */
void node_hold(struct node *node);
void node_let_go(struct node_table *table, struct node *node);

/* Requests for it that the pool has; the kernel may have forgotten the node when one ends. */
void node_count_in_pool(struct node_table *table, uint64_t id, int change);
int node_requests_in_pool(struct node_table *table, const struct node *node);

size_t node_count(struct node_table *table);

#endif
