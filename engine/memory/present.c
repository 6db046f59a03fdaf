/* Counts the holders of a list of series. Why shared: a statement asks once a measurement. */
#include "engine/memory/present.h"

#include <stdatomic.h>
#include <stdlib.h>

struct present *present_new(void)
{
	struct present *present = calloc(1, sizeof(*present));

	if (present)
		atomic_init(&present->references, 1);
	return present;
}

struct present *present_ref(struct present *present)
{
	atomic_fetch_add(&present->references, 1);
	return present;
}

void present_release(struct present *present)
{
	if (!present || atomic_fetch_sub(&present->references, 1) != 1)
		return;
	free(present->ids);
	free(present);
}
