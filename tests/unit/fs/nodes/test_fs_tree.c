/* The tables of the tree: every kind answers every call, st_ino tells places apart and stays. */
#include "fs/nodes/tree.c"

#include "tests/lib/test.h"

TEST(tree__every_call_of_every_kind_is_done_or_has_one_errno)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		for (int call = 0; call < CALL_COUNT; call++) {
			int refused = tree_call(kind, call);

			CHECK(refused >= 0 && refused < 134);
		}
}

TEST(tree__what_is_no_directory_takes_no_names)
{
	static const enum call in_it[] = { CALL_MKDIR, CALL_CREATE, CALL_SYMLINK, CALL_LIST };

	for (int kind = 0; kind < KIND_COUNT; kind++)
		for (size_t i = 0; i < 4; i++)
			CHECK_INT(tree_call(kind, in_it[i]) == ENOTDIR, tree_type(kind) != S_IFDIR);
}

TEST(tree__no_directory_is_read_or_written)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if (tree_type(kind) == S_IFDIR) {
			CHECK_INT(tree_call(kind, CALL_READ),
				  kind == KIND_PREFIX ? EINVAL : EISDIR);
			CHECK_INT(tree_call(kind, CALL_WRITE), EISDIR);
		}
}

/* `write?rp=x` is found by its beginning: a name that begins with another one would never be. */
TEST(tree__no_name_begins_with_another_of_its_directory)
{
	enum kind kind;
	struct slice rest;

	for (size_t i = 0; i < FIXED_COUNT; i++)
		for (size_t k = 0; k < FIXED_COUNT; k++)
			CHECK(i == k || fixed_names[i].dir != fixed_names[k].dir ||
			      !slice_starts_with(slice_of_text(fixed_names[i].name),
						 slice_of_text(fixed_names[k].name)));
	CHECK(tree_find_name(KIND_DATABASE, SLICE("write?rp=x"), &kind, &rest));
	CHECK_INT(kind, KIND_WRITE);
	CHECK(slice_equal(rest, SLICE("?rp=x")));
	CHECK(!tree_find_name(KIND_POLICY, SLICE("write"), &kind, &rest));
}

TEST(tree__who_may_read_a_database_may_ask_and_open_exec)
{
	CHECK_INT(tree_bits(MODE_DATABASE_ASK, 0750), 0440);
	CHECK_INT(tree_bits(MODE_DATABASE_ASK_DIR, 0750), 0550);
	CHECK_INT(tree_bits(MODE_DATABASE_EXEC, 0750), 0660);
	CHECK_INT(tree_bits(MODE_DATABASE_WRITE, 0750), 0200);
	CHECK_INT(tree_bits(MODE_DATABASE_ASK_DIR, 0711), 0500);
	CHECK_INT(tree_bits(MODE_POLICY_DATA, 0755), 0644);
}

TEST(tree__inode_numbers_differ_by_place_and_not_by_nodeid)
{
	struct place a = { .kind = KIND_SERIES, .policy_id = 2, .group_id = 3, .series_id = 7 };
	struct place b = a, c = a, object = { .kind = KIND_GROUP, .group_id = 3, .object_id = 3 };
	struct place write = { .kind = KIND_WRITE, .database_id = 7 };
	struct place exec = { .kind = KIND_EXEC, .database_id = 7 };
	struct slice none = slice_of("", 0);

	b.unique = 9; /* a version of it: the same name */
	c.group_id = 0;
	c.kind = KIND_SERIES_ALL;
	CHECK(tree_ino(&a, none) == tree_ino(&b, none));
	CHECK(tree_ino(&a, none) != tree_ino(&c, none));
	CHECK(tree_ino(&a, none) != tree_ino(&object, none));
	CHECK(tree_ino(&write, none) != tree_ino(&exec, none));
}

TEST(tree__an_answers_inode_number_is_its_texts)
{
	struct place a = { .kind = KIND_ANSWER, .database_id = 1, .unique = 1 };
	struct place b = { .kind = KIND_ANSWER, .database_id = 1, .unique = 2 };
	struct place other = { .kind = KIND_ANSWER, .database_id = 2, .unique = 1 };

	CHECK(tree_ino(&a, SLICE("select 1")) == tree_ino(&b, SLICE("select 1")));
	CHECK(tree_ino(&a, SLICE("select 1")) != tree_ino(&a, SLICE("select 2")));
	CHECK(tree_ino(&a, SLICE("select 1")) != tree_ino(&other, SLICE("select 1")));
}
