/* The second stage: what neighbours do not tell. The order of the table is on disk. */
#include "engine/codec/codec.h"

static void none(uint64_t *words, size_t count)
{
	(void)words;
	(void)count;
}

/* The first word stays; arithmetic wraps, so every word comes back. */
static void delta_encode(uint64_t *words, size_t count)
{
	for (size_t i = count; i-- > 1;)
		words[i] -= words[i - 1];
}

static void delta_decode(uint64_t *words, size_t count)
{
	for (size_t i = 1; i < count; i++)
		words[i] += words[i - 1];
}

static void delta_of_delta_encode(uint64_t *words, size_t count)
{
	delta_encode(words, count);
	if (count > 1)
		delta_encode(words + 1, count - 1);
}

static void delta_of_delta_decode(uint64_t *words, size_t count)
{
	if (count > 1)
		delta_decode(words + 1, count - 1);
	delta_decode(words, count);
}

const struct predictor predictors[] = {
	{ "none", none, none },
	{ "delta", delta_encode, delta_decode },
	{ "delta of delta", delta_of_delta_encode, delta_of_delta_decode },
};
const uint8_t predictor_count = sizeof(predictors) / sizeof(*predictors);
