/* nodeids: counted, found again while keyed, never used twice. */
#include "fs/nodes/node.c"

#include "tests/lib/test.h"

static const struct place root = { .kind = KIND_ROOT, .object_id = 1 };

static struct place group(uint32_t id)
{
	return (struct place){ .kind = KIND_GROUP, .group_id = id, .object_id = id };
}

static int released;
static void count_release(void *payload)
{
	released++;
}

TEST(node__the_root_is_nodeid_1_and_is_never_forgotten)
{
	struct node_table *table = node_table_new(&root);

	node_forget(table, 1, 1000);
	REQUIRE(node_find(table, 1) != NULL);
	CHECK_INT(node_find(table, 1)->place.kind, KIND_ROOT);
	node_table_free(table);
}

TEST(node__a_place_keeps_its_nodeid_until_the_kernel_forgets_every_lookup)
{
	struct node_table *table = node_table_new(&root);
	struct place place = group(5);
	struct node *a, *b;
	bool is_new;
	uint64_t id;

	a = node_intern(table, &place, SLICE(""), &is_new);
	CHECK(is_new);
	id = a->id;
	b = node_intern(table, &place, SLICE(""), &is_new);
	CHECK(!is_new && a == b);
	node_forget(table, id, 1);
	CHECK(node_find(table, id) == a);
	node_forget(table, id, 1);
	CHECK(node_find(table, id) == NULL);
	a = node_intern(table, &place, SLICE(""), &is_new);
	CHECK(is_new && a->id != id);
	node_table_free(table);
}

TEST(node__texts_tell_prefixes_of_queries_apart)
{
	struct node_table *table = node_table_new(&root);
	struct place place = { .kind = KIND_PREFIX, .database_id = 1 };
	struct node *a, *b;
	bool is_new;

	a = node_intern(table, &place, SLICE("select a"), &is_new);
	b = node_intern(table, &place, SLICE("select b"), &is_new);
	CHECK(a != b);
	CHECK(node_intern(table, &place, SLICE("select a"), &is_new) == a);
	node_table_free(table);
}

TEST(node__a_retired_one_lives_on_and_the_next_lookup_gets_another)
{
	struct node_table *table = node_table_new(&root);
	struct place place = group(5);
	struct node *old, *next;
	bool is_new;

	old = node_intern(table, &place, SLICE(""), &is_new);
	node_retire_place(table, &place, SLICE(""));
	CHECK(node_find(table, old->id) == old);
	next = node_intern(table, &place, SLICE(""), &is_new);
	CHECK(is_new && next != old);
	node_forget(table, old->id, 1);
	CHECK(node_take(table, &place, SLICE("")) == next);
	node_table_free(table);
}

TEST(node__keying_one_puts_the_other_off)
{
	struct node_table *table = node_table_new(&root);
	struct place place = group(5);
	struct node *a = node_add(table, &place, SLICE("")), *b;

	CHECK(node_take(table, &place, SLICE("")) == NULL);
	node_key(table, a);
	CHECK(node_take(table, &place, SLICE("")) == a);
	b = node_add(table, &place, SLICE(""));
	node_key(table, b);
	CHECK(node_take(table, &place, SLICE("")) == b);
	node_forget(table, a->id, 2);
	CHECK(node_take(table, &place, SLICE("")) == b);
	node_table_free(table);
}

TEST(node__an_open_file_outlives_the_kernels_forgetting)
{
	struct node_table *table = node_table_new(&root);
	struct place place = group(5);
	struct node *node = node_add(table, &place, SLICE(""));
	uint64_t id = node->id;

	released = 0;
	node->payload = node;
	node->payload_release = count_release;
	node_hold(node);
	node_forget(table, id, 1);
	CHECK(node_find(table, id) == node);
	CHECK_INT(released, 0);
	node_let_go(table, node);
	CHECK(node_find(table, id) == NULL);
	CHECK_INT(released, 1);
	node_table_free(table);
}

TEST(node__many_are_found_after_the_table_grew)
{
	struct node_table *table = node_table_new(&root);
	bool is_new;

	for (uint32_t i = 2; i < 5000; i++) {
		struct place place = group(i);

		CHECK_INT(node_intern(table, &place, SLICE(""), &is_new)->id, i);
	}
	for (uint32_t i = 2; i < 5000; i++) {
		struct place place = group(i);

		CHECK_INT(node_intern(table, &place, SLICE(""), &is_new)->id, i);
		CHECK(!is_new);
		node_forget(table, i, 2);
	}
	CHECK_INT(node_count(table), 1);
	node_table_free(table);
}

TEST(node__an_idle_file_keeps_its_nodeid_and_a_busy_one_is_not_shared)
{
	struct place place = { .kind = KIND_WRITE, .database_id = 1 };
	struct node_table *table = node_table_new(&root);
	struct node *a = node_intern_idle(table, &place, SLICE("write")), *b;

	b = node_intern_idle(table, &place, SLICE("write"));
	CHECK(a != b); /* whoever looked it up first is about to open it */
	node_hold(b);
	node_opened(table, b);
	CHECK(node_intern_idle(table, &place, SLICE("write")) != b);
	node_key(table, b);
	node_let_go(table, b);
	CHECK(node_intern_idle(table, &place, SLICE("write")) == b);
	node_table_free(table);
}
