/*-------------------------------------------------------------------------
 *
 * number.c
 *		Exact numbers: int64 where it fits, numeric otherwise.
 *
 * A number is decimal when it has digits after the point, even zeros: 5.0 is
 * decimal, and what is computed from it is.  Nothing here may raise an error
 * for what a template or its data say, so operands are looked at before a
 * function of numeric.c is called: at most SF_MAX_DIGITS digits on either
 * side of the point, and no division by zero.
 *
 * The header of a numeric is read here, because numeric.c has no cheap way to
 * ask how large one is.  It is an on-disk format, so it does not change.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "fmgr.h"
#include "liquid/internal.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

typedef struct numeric_view
{
	bool		special;		/* NaN, infinity */
	bool		negative;
	int			weight;			/* of the first base-10000 digit */
	int			scale;			/* decimal digits after the point */
	int			ndigits;		/* base-10000 digits stored; 0: the number is 0 */
	const char *digits;
} numeric_view;

/* Looks at the header of a numeric. */
static numeric_view
view(Numeric num)
{
	const char *data = VARDATA_ANY((struct varlena *) num);
	int			size = VARSIZE_ANY_EXHDR((struct varlena *) num);
	numeric_view v = {0};
	uint16		header;

	memcpy(&header, data, sizeof(header));
	if ((header & 0xC000) == 0xC000)
		v.special = true;
	else if (header & 0x8000)
	{
		v.negative = (header & 0x2000) != 0;
		v.scale = (header & 0x1F80) >> 7;
		v.weight = (header & 0x0040 ? ~0x3F : 0) | (header & 0x003F);
		v.digits = data + sizeof(header);
		v.ndigits = (size - sizeof(header)) / sizeof(int16);
	}
	else
	{
		int16		weight;

		memcpy(&weight, data + sizeof(header), sizeof(weight));
		v.negative = (header & 0x4000) != 0;
		v.scale = header & 0x3FFF;
		v.weight = weight;
		v.digits = data + sizeof(header) + sizeof(weight);
		v.ndigits = (size - sizeof(header) - sizeof(weight)) / sizeof(int16);
	}
	return v;
}

/* Digit i of a view. */
static int16
digit(const numeric_view *v, int i)
{
	int16		d = 0;

	if (i < v->ndigits)
		memcpy(&d, v->digits + i * sizeof(int16), sizeof(int16));
	return d;
}

/* True when a number is small enough to compute with and to print. */
static bool
numeric_fits(Numeric num)
{
	numeric_view v = view(num);

	return !v.special && v.scale <= SF_MAX_DIGITS && (v.ndigits == 0 || v.weight < SF_MAX_DIGITS / 4);
}

/* True when it has digits after the point. */
bool
sf_is_decimal(Numeric num)
{
	return view(num).scale > 0;
}

/* The value of a numeric, as int64 when it is one. */
sf_value
sf_from_numeric(Numeric num)
{
	numeric_view v = view(num);
	sf_value	result = sf_nil();
	int64		i = 0;
	int			k;

	result.type = SF_V_NUM;
	result.u.num = num;
	if (v.special || v.scale > 0 || v.weight > 4)
		return result;
	for (k = 0; v.ndigits > 0 && k <= v.weight; k++)
	{
		if (pg_mul_s64_overflow(i, 10000, &i) || pg_sub_s64_overflow(i, digit(&v, k), &i))
			return result;
	}
	if (!v.negative && i == PG_INT64_MIN)
		return result;
	return sf_int(v.negative ? i : -i);
}

/* The number as numeric. */
static Numeric
as_numeric(sf_value v)
{
	return v.type == SF_V_INT ? int64_to_numeric(v.u.i) : v.u.num;
}

/*
 * Reads digits with an optional sign and fraction, checked by the caller.
 * False when there are too many.
 */
bool
sf_numeric_from_text(const char *s, int len, sf_value *v)
{
	char		buf[2 * SF_MAX_DIGITS + 4];
	const char *point = memchr(s, '.', len);
	int			before = point ? point - s : len;
	Datum		num;

	if (point == NULL && len <= 18)
	{
		int64		i = 0;
		int			k = *s == '-' || *s == '+';

		for (; k < len; k++)
			i = i * 10 + (s[k] - '0');
		*v = sf_int(*s == '-' ? -i : i);
		return true;
	}
	if (before > SF_MAX_DIGITS || len - before - 1 > SF_MAX_DIGITS)
		return false;
	memcpy(buf, s, len);
	buf[len] = '\0';
	num = DirectFunctionCall3(numeric_in, CStringGetDatum(buf),
							  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	*v = sf_from_numeric(DatumGetNumeric(num));
	return true;
}

/* Cuts white space off both ends. */
static void
trim(const char **s, int *len)
{
	while (*len > 0 && sf_is_space(**s))
	{
		(*s)++;
		(*len)--;
	}
	while (*len > 0 && sf_is_space((*s)[*len - 1]))
		(*len)--;
}

/*
 * The whole number at the start of a string, 0 when there is none: digits
 * with a sign, and single underscores between them.  Too large: the nearest
 * int64, and false.
 */
bool
sf_leading_integer(sf_value s, int64 *i)
{
	const char *p = s.u.str;
	const char *end = p + s.len;
	bool		negative;
	int64		n = 0;

	while (p < end && sf_is_space(*p))
		p++;
	negative = p < end && *p == '-';
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end; p++)
	{
		if (*p == '_' && p > s.u.str && p[-1] >= '0' && p[-1] <= '9' &&
			p + 1 < end && p[1] >= '0' && p[1] <= '9')
			continue;
		if (*p < '0' || *p > '9')
			break;
		if (pg_mul_s64_overflow(n, 10, &n) || pg_sub_s64_overflow(n, *p - '0', &n))
		{
			*i = negative ? PG_INT64_MIN : PG_INT64_MAX;
			return false;
		}
	}
	if (!negative && n == PG_INT64_MIN)
	{
		*i = PG_INT64_MAX;
		return false;
	}
	*i = negative ? n : -n;
	return true;
}

/* True for optional minus, digits, point, digits. */
static bool
is_decimal_text(const char *s, int len)
{
	int			i = len > 0 && *s == '-';
	int			start = i;
	int			point;

	while (i < len && s[i] >= '0' && s[i] <= '9')
		i++;
	if (i == start || i == len || s[i] != '.')
		return false;
	point = i++;
	while (i < len && s[i] >= '0' && s[i] <= '9')
		i++;
	return i == len && i > point + 1;
}

/* True for numbers, and for strings that are one and nothing else. */
bool
sf_is_number(sf_value v)
{
	const char *s = v.u.str;
	int			len = v.len;
	int			i;

	if (v.type != SF_V_STR)
		return v.type == SF_V_INT || v.type == SF_V_NUM;
	trim(&s, &len);
	if (is_decimal_text(s, len))
		return true;
	i = len > 0 && *s == '-';
	while (i < len && s[i] >= '0' && s[i] <= '9')
		i++;
	return i == len && len > 0 && s[len - 1] != '-';
}

/* Reads a number of more digits than allowed as NUM with a NULL pointer. */
static sf_value
long_number(const char *s, int len)
{
	sf_value	v = sf_nil();

	if (!sf_numeric_from_text(s, len, &v))
	{
		v.type = SF_V_NUM;
		v.u.num = NULL;
	}
	return v;
}

/*
 * What a filter that computes takes a value for: numbers are themselves,
 * strings what they start with, all else is 0.  A string of more digits than
 * allowed is NUM with a NULL pointer, which sf_check_number refuses.
 */
sf_value
sf_to_number(sf_value v)
{
	const char *s = v.u.str;
	int			len = v.len;
	int			digits;
	int64		i;

	if (v.type == SF_V_INT || v.type == SF_V_NUM)
		return v;
	if (v.type != SF_V_STR)
		return sf_int(0);
	trim(&s, &len);
	if (is_decimal_text(s, len))
		return long_number(s, len);
	if (sf_leading_integer(v, &i))
		return sf_int(i);
	digits = *s == '-' || *s == '+';
	while (digits < len && s[digits] >= '0' && s[digits] <= '9')
		digits++;
	return long_number(s, digits);
}

/*
 * A position or count: an integer, or a string that is one and nothing else.
 * One that does not fit becomes the nearest int64, which is as far away.
 */
bool
sf_to_integer(sf_render *r, sf_value v, int64 *i)
{
	if (v.type == SF_V_INT)
	{
		*i = v.u.i;
		return true;
	}
	if (v.type == SF_V_NUM && v.u.num != NULL && !sf_is_decimal(v.u.num) && !view(v.u.num).special)
	{
		*i = view(v.u.num).negative ? PG_INT64_MIN : PG_INT64_MAX;
		return true;
	}
	if (v.type == SF_V_STR)
	{
		const char *s = v.u.str;
		int			len = v.len;
		int			k;

		trim(&s, &len);
		k = len > 0 && (*s == '-' || *s == '+');
		while (k < len && ((s[k] >= '0' && s[k] <= '9') ||
						   (s[k] == '_' && k > 0 && k + 1 < len && s[k - 1] != '_')))
			k++;
		if (k == len && len > 0 && s[len - 1] >= '0' && s[len - 1] <= '9')
		{
			(void) sf_leading_integer(sf_str(s, len), i);
			return true;
		}
	}
	return sf_render_error(r, "expected an integer");
}

/* Below, equal, above: -1, 0, 1.  Both are numbers. */
int
sf_number_compare(sf_value a, sf_value b)
{
	if (a.type == SF_V_INT && b.type == SF_V_INT)
		return a.u.i < b.u.i ? -1 : a.u.i > b.u.i;
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(as_numeric(a)),
											 NumericGetDatum(as_numeric(b))));
}

/* Refuses a number that is too long to work with. */
bool
sf_check_number(sf_render *r, sf_value v)
{
	if (v.type == SF_V_NUM && (v.u.num == NULL || !numeric_fits(v.u.num)))
		return sf_render_error(r, "a number has more than %d digits", SF_MAX_DIGITS);
	return true;
}

/* Appends the number as text. */
bool
sf_number_text(sf_render *r, sf_value v, StringInfo out)
{
	char		buf[MAXINT8LEN + 1];
	char	   *text;

	if (v.type == SF_V_INT)
	{
		appendBinaryStringInfo(out, buf, pg_lltoa(v.u.i, buf));
		return true;
	}
	if (!sf_check_number(r, v))
		return false;
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v.u.num)));
	appendStringInfoString(out, text);
	pfree(text);
	return true;
}

/* Calls a function of two numerics. */
static Numeric
call2(PGFunction function, Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(function, NumericGetDatum(a), NumericGetDatum(b)));
}

/* Rounds half away from zero to a number of decimal digits, which may be negative. */
static Numeric
round_to(Numeric n, int digits)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_round, NumericGetDatum(n), Int32GetDatum(digits)));
}

/* A decimal without zeros at its end, but with one digit after the point. */
static Numeric
tidy_decimal(Numeric n)
{
	n = DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(n)));
	return sf_is_decimal(n) ? n : round_to(n, 1);
}

/* a / b with 16 significant digits, or exactly when that ends sooner. */
static Numeric
divide(Numeric a, Numeric b)
{
	Numeric		q = call2(numeric_div, a, b);
	numeric_view v = view(q);
	int			exponent;

	if (v.ndigits == 0 || DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(call2(numeric_mul, q, b)),
														   NumericGetDatum(a))))
		return q;
	exponent = v.weight * 4 + (digit(&v, 0) >= 1000 ? 3 : digit(&v, 0) >= 100 ? 2 : digit(&v, 0) >= 10 ? 1 : 0);
	return round_to(q, Max(15 - exponent, 1));
}

/*
 * Remainder with the sign of b, and the quotient that goes with it: both are
 * rounded down.
 */
static void
divide_down(Numeric a, Numeric b, Numeric *quotient, Numeric *remainder)
{
	Numeric		q = call2(numeric_div_trunc, a, b);
	Numeric		m = call2(numeric_mod, a, b);

	if (view(m).ndigits > 0 && view(m).negative != view(b).negative)
	{
		m = call2(numeric_add, m, b);
		q = call2(numeric_sub, q, int64_to_numeric(1));
	}
	*quotient = q;
	*remainder = m;
}

/* Two int64; false when the result is none and numeric must do it. */
static bool
int_arithmetic(char op, int64 a, int64 b, int64 *result)
{
	switch (op)
	{
		case '+':
			return !pg_add_s64_overflow(a, b, result);
		case '-':
			return !pg_sub_s64_overflow(a, b, result);
		case '*':
			return !pg_mul_s64_overflow(a, b, result);
		default:
			if (b == -1)
			{
				if (op == '%')
					*result = 0;
				return op == '%' || !pg_sub_s64_overflow(0, a, result);
			}
			*result = op == '/' ? a / b : a % b;
			if (a % b != 0 && (a < 0) != (b < 0))
				*result += op == '/' ? -1 : b;
			return true;
	}
}

/* a op b, op one of + - * / %.  Integers stay integers: / rounds down. */
bool
sf_arithmetic(sf_render *r, char op, sf_value a, sf_value b, sf_value *result)
{
	Numeric		x;
	Numeric		y;
	Numeric		quotient;
	Numeric		n;
	bool		decimal;
	int64		i;

	if (!sf_check_number(r, a) || !sf_check_number(r, b))
		return false;
	if ((op == '/' || op == '%') &&
		(b.type == SF_V_INT ? b.u.i == 0 : view(b.u.num).ndigits == 0))
		return sf_render_error(r, "division by zero");
	if (a.type == SF_V_INT && b.type == SF_V_INT && int_arithmetic(op, a.u.i, b.u.i, &i))
	{
		*result = sf_int(i);
		return true;
	}

	x = as_numeric(a);
	y = as_numeric(b);
	decimal = sf_is_decimal(x) || sf_is_decimal(y);
	if (op != '+' && op != '-' && !sf_charge(r, (int64) view(x).ndigits * view(y).ndigits / 256))
		return false;
	switch (op)
	{
		case '+':
			n = call2(numeric_add, x, y);
			break;
		case '-':
			n = call2(numeric_sub, x, y);
			break;
		case '*':
			n = call2(numeric_mul, x, y);
			break;
		case '/':
			if (decimal)
				n = divide(x, y);
			else
				divide_down(x, y, &n, &quotient);
			break;
		default:
			divide_down(x, y, &quotient, &n);
			break;
	}
	if (decimal)
		n = tidy_decimal(n);
	*result = sf_from_numeric(n);
	return sf_check_number(r, *result);
}

/* -v; v fits */
bool
sf_negate(sf_render *r, sf_value v, sf_value *result)
{
	if (v.type == SF_V_INT)
		return sf_arithmetic(r, '-', sf_int(0), v, result);
	*result = sf_from_numeric(DatumGetNumeric(DirectFunctionCall1(numeric_uminus, NumericGetDatum(v.u.num))));
	return true;
}

/* Takes the digits after the point away. */
bool
sf_truncate_number(sf_render *r, sf_value v, sf_value *result)
{
	if (!sf_check_number(r, v))
		return false;
	*result = v;
	if (v.type == SF_V_NUM)
		*result = sf_from_numeric(DatumGetNumeric(DirectFunctionCall2(numeric_trunc, NumericGetDatum(v.u.num),
																	  Int32GetDatum(0))));
	return true;
}

/* Rounds: how is r(ound, half away from zero), c(eil) or f(loor). */
bool
sf_round(sf_render *r, sf_value v, char how, int64 digits, sf_value *result)
{
	Numeric		n;

	if (!sf_check_number(r, v))
		return false;
	if (v.type == SF_V_INT && (how != 'r' || digits >= 0))
	{
		*result = v;
		return true;
	}
	n = as_numeric(v);
	digits = Max(Min(digits, SF_MAX_DIGITS), -SF_MAX_DIGITS - 1);
	if (how == 'c')
		n = DatumGetNumeric(DirectFunctionCall1(numeric_ceil, NumericGetDatum(n)));
	else if (how == 'f')
		n = DatumGetNumeric(DirectFunctionCall1(numeric_floor, NumericGetDatum(n)));
	else if (digits > 0)
		n = sf_is_decimal(n) ? tidy_decimal(round_to(n, digits)) : n;
	else
		n = round_to(n, digits);
	*result = sf_from_numeric(n);
	return true;
}

/* Appends the number with exactly so many digits after the point. */
bool
sf_fixed_text(sf_render *r, sf_value v, int decimals, StringInfo out)
{
	sf_value	rounded = sf_nil();

	if (!sf_check_number(r, v))
		return false;
	rounded.type = SF_V_NUM;
	rounded.u.num = round_to(as_numeric(v), decimals);
	return sf_number_text(r, rounded, out);
}
