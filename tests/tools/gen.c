/*
 * Writes a devops data set as line protocol: the shapes every figure is about.
 *
 *	gen HOSTS STEPS int|dec2|rand|gauge [SEED] [START_S] [STEP_S]
 *
 *	int    ten integer fields 0..100 of host `cpu`, clamped random walks
 *	dec2   the same with two decimals
 *	rand   one full-entropy float in [0,1) of `sensor`
 *	gauge  one float with one decimal that mostly repeats
 *
 * Points come host by host within each step, as collectors send them.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 10

static const char *const field_names[FIELDS_MAX] = {
	"usage_user", "usage_system",  "usage_idle",  "usage_nice",  "usage_iowait",
	"usage_irq",  "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice",
};
static const char *const regions[] = { "us-east-1",	 "us-west-1",	   "us-west-2",
				       "eu-west-1",	 "eu-central-1",   "ap-southeast-1",
				       "ap-southeast-2", "ap-northeast-1", "sa-east-1" };
static const char *const teams[] = { "SF", "NYC", "LON", "CHI" };
static const char *const environments[] = { "production", "staging", "test" };

static uint64_t state;

static uint64_t random_u64(void)
{
	uint64_t z = (state += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static double uniform(void)
{
	return (double)(random_u64() >> 11) * 0x1.0p-53;
}

static char *key_new(long host, bool wide)
{
	char *key = malloc(256);
	const char *region = regions[random_u64() % 9];

	if (!wide) {
		snprintf(key, 256, "sensor,id=s%ld,site=%s", host, region);
		return key;
	}
	snprintf(key, 256,
		 "cpu,hostname=host_%ld,region=%s,datacenter=%s%c,rack=%d,os=Ubuntu16.04LTS,"
		 "arch=x64,team=%s,service=%d,service_version=%d,service_environment=%s",
		 host, region, region, (char)('a' + random_u64() % 3), (int)(random_u64() % 100),
		 teams[random_u64() % 4], (int)(random_u64() % 20), (int)(random_u64() % 2),
		 environments[random_u64() % 3]);
	return key;
}

static void print_walk(const char *kind, const char *name, double *value)
{
	*value += uniform() * 2 - 1;
	*value = *value < 0 ? 0 : *value > 100 ? 100 : *value;
	if (kind[0] == 'i')
		printf("%s=%di", name, (int)*value);
	else
		printf("%s=%.2f", name, *value);
}

static void print_point(const char *kind, const char *key, double *values, int fields)
{
	printf("%s ", key);
	if (kind[0] == 'r') {
		printf("value=%.17g", uniform());
	} else if (kind[0] == 'g') {
		if (uniform() < 0.2)
			*values += uniform() - 0.5;
		printf("value=%.1f", *values);
	} else {
		for (int field = 0; field < fields; field++) {
			if (field)
				putchar(',');
			print_walk(kind, field_names[field], &values[field]);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr,
			"usage: gen HOSTS STEPS int|dec2|rand|gauge [SEED] [START_S] [STEP_S]\n");
		return 2;
	}
	long hosts = atol(argv[1]), steps = atol(argv[2]);
	const char *kind = argv[3];
	int64_t start_s = argc > 5 ? atoll(argv[5]) : 1451606400;
	int64_t step_s = argc > 6 ? atoll(argv[6]) : 10;
	int fields = kind[0] == 'i' || kind[0] == 'd' ? FIELDS_MAX : 1;
	char **keys = calloc((size_t)hosts, sizeof(*keys));
	double *values = calloc((size_t)(hosts * fields), sizeof(*values));

	state = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
	for (long host = 0; host < hosts; host++) {
		keys[host] = key_new(host, fields > 1);
		for (int field = 0; field < fields; field++)
			values[host * fields + field] = uniform() * 100;
	}
	for (long step = 0; step < steps; step++)
		for (long host = 0; host < hosts; host++) {
			print_point(kind, keys[host], &values[host * fields], fields);
			printf(" %" PRId64 "000000000\n", start_s + step * step_s);
		}
	return ferror(stdout) != 0;
}
