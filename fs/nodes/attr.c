/* Attributes of a node: the kind's own function where it has one, else those that are lent to it.
 */
#include "fs/nodes/attr.h"

#include "engine/base/when.h"
#include "fs/nodes/kind.h"

#define BLOCK_BYTES 512u

void attr_set_time(struct timespec *out, int64_t time_ns)
{
	out->tv_sec = (time_t)floor_div(time_ns, NS_PER_SECOND);
	out->tv_nsec = (long)floor_mod(time_ns, NS_PER_SECOND);
}

/* What nanoseconds cannot tell becomes the nearest that they can. */
int64_t attr_time(const struct timespec *time)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)time->tv_sec, NS_PER_SECOND, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)time->tv_nsec, &ns))
		return time->tv_sec < 0 ? TIME_MIN_NS : TIME_MAX_NS;
	return ns;
}

blkcnt_t attr_blocks(uint64_t bytes)
{
	return (blkcnt_t)((bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
}

void attr_set_size(struct stat *out, uint64_t bytes)
{
	out->st_size = (off_t)bytes;
	out->st_blocks = attr_blocks(bytes);
}

void attr_fill(struct stat *out, enum kind kind, const struct attrs *attrs, uint64_t size)
{
	*out = (struct stat){
		.st_mode = tree_type(kind) | tree_bits(tree_mode(kind), attrs->mode),
		.st_nlink = 1,
		.st_uid = attrs->uid,
		.st_gid = attrs->gid,
		.st_blksize = 4096,
	};
	if (tree_type(kind) == S_IFLNK)
		out->st_mode = S_IFLNK | 0777;
	attr_set_size(out, size);
	attr_set_time(&out->st_atim, attrs->atime_ns);
	attr_set_time(&out->st_mtim, attrs->mtime_ns);
	attr_set_time(&out->st_ctim, attrs->ctime_ns);
}

static bool is_steady(struct mount *mount, const struct node *node)
{
	const struct kind_ops *ops = kind_ops(mount, &node->place);

	return !ops->is_steady || ops->is_steady(mount, node);
}

double attr_timeout(struct mount *mount, const struct node *node)
{
	return is_steady(mount, node) ? kind_ops(mount, &node->place)->attr_seconds : 0;
}

double attr_entry_timeout(struct mount *mount, const struct node *node)
{
	const struct kind_ops *ops = kind_ops(mount, &node->place);

	return ops->entry_seconds > 0 && is_steady(mount, node) ? ops->entry_seconds : 0;
}

int attr_lend(struct mount *mount, const struct place *place, struct attrs *out)
{
	enum tree_mode mode = tree_mode(place->kind);
	struct object object;
	uint32_t id = mode == MODE_POLICY_DATA || mode == MODE_POLICY_WRITE ? place->policy_id
									    : place->database_id;

	if (!id) {
		*out = (struct attrs){ .uid = mount->uid, .gid = mount->gid };
		out->atime_ns = out->mtime_ns = out->ctime_ns = mount->started_ns;
		return OK;
	}
	TRY(catalog_get(mount->catalog, id, &object));
	*out = object.attrs;
	return OK;
}

/* A name of tree.def, which has no attributes of its own. */
static int stat_lent(struct mount *mount, struct node *node, struct stat *out)
{
	struct attrs attrs;

	TRY(attr_lend(mount, &node->place, &attrs));
	attr_fill(out, node->place.kind, &attrs, 0);
	out->st_ino = tree_ino(&node->place, node_text(node));
	return OK;
}

int attr_stat(struct mount *mount, struct node *node, struct stat *out)
{
	const struct kind_ops *ops = kind_ops(mount, &node->place);

	return ops->stat ? ops->stat(mount, node, out) : stat_lent(mount, node, out);
}
