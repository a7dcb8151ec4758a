/*-------------------------------------------------------------------------
 *
 * filters_math.c
 *		Filters that compute.  Integers stay integers, decimals are exact.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/filters.h"

bool
sf_filter_plus(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sf_arithmetic(r, '+', sf_to_number(input), sf_to_number(args->values[0]), result);
}

bool
sf_filter_minus(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sf_arithmetic(r, '-', sf_to_number(input), sf_to_number(args->values[0]), result);
}

bool
sf_filter_times(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sf_arithmetic(r, '*', sf_to_number(input), sf_to_number(args->values[0]), result);
}

bool
sf_filter_divided_by(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sf_arithmetic(r, '/', sf_to_number(input), sf_to_number(args->values[0]), result);
}

bool
sf_filter_modulo(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sf_arithmetic(r, '%', sf_to_number(input), sf_to_number(args->values[0]), result);
}

bool
sf_filter_abs(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	sf_value	v = sf_to_number(input);

	if (!sf_check_number(r, v))
		return false;
	*result = v;
	if (sf_number_compare(v, sf_int(0)) >= 0)
		return true;
	return sf_negate(r, v, result);
}

/* The larger (sign > 0) or smaller of the two. */
static bool
choose(sf_render *r, sf_value input, sf_value limit, int sign, sf_value *result)
{
	sf_value	a = sf_to_number(input);
	sf_value	b = sf_to_number(limit);

	if (!sf_check_number(r, a) || !sf_check_number(r, b))
		return false;
	*result = sf_number_compare(b, a) * sign > 0 ? b : a;
	return true;
}

bool
sf_filter_at_least(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return choose(r, input, args->values[0], 1, result);
}

bool
sf_filter_at_most(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return choose(r, input, args->values[0], -1, result);
}

bool
sf_filter_ceil(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sf_round(r, sf_to_number(input), 'c', 0, result);
}

bool
sf_filter_floor(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sf_round(r, sf_to_number(input), 'f', 0, result);
}

/* round: digits = 0 */
bool
sf_filter_round(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	sf_value	digits = sf_to_number(sf_arg(args, 0));
	int64		n;

	return sf_truncate_number(r, digits, &digits) && sf_to_integer(r, digits, &n) &&
		sf_round(r, sf_to_number(input), 'r', n, result);
}
