/*-------------------------------------------------------------------------
 *
 * chance.c
 *		Everything random in the gateway, from one seed.
 *
 * The same seed and the same order of requests give the same faults and
 * latencies, so a run that found something can be had again.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <math.h>

/* The 99th percentile of the standard normal distribution. */
#define NORMAL_P99 2.3263478740408408

static uint64_t state;

void
chance_seed(uint64_t seed)
{
	state = seed;
}

/* One step of a SplitMix64 generator: a counter through a mixing function. */
double
chance_uniform(void)
{
	uint64_t	z = (state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	z ^= z >> 31;
	return (double) (z >> 11) * 0x1p-53;
}

/*
 * How long one answer takes: the fixed latency, or a draw from the lognormal
 * distribution with the chosen median and 99th percentile.
 */
int64_t
chance_latency_us(void)
{
	double		normal;
	double		sigma;

	if (gateway_options.latency_p50 <= 0)
		return gateway_options.latency_ms * 1000;
	normal = sqrt(-2 * log(1 - chance_uniform())) * cos(2 * M_PI * chance_uniform());
	sigma = log(gateway_options.latency_p99 / gateway_options.latency_p50) / NORMAL_P99;
	return (int64_t) (gateway_options.latency_p50 * exp(sigma * normal) * 1000);
}
