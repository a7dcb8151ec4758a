/*-------------------------------------------------------------------------
 *
 * filters_sms.c
 *		Filters for texts, beyond what Liquid has: phone, money, gsm,
 *		segments_max.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/filters.h"
#include "phone/phone.h"
#include "text/text_pg.h"

/*
 * phone: the number as people of the text's region write it.  Numbers of
 * other countries, and all of them where no such form is known, stay in
 * international form; what is no number stays as it is.
 */
bool
sf_filter_phone(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	char		e164[SF_PHONE_SIZE];
	const char *why;
	const char *region = r->options->region;
	StringInfoData out;
	char		written[32];

	if (!sf_to_string(r, input, result) || !sf_phone_e164(result->u.str, result->len, e164, &why))
		return r->result == SF_LIQUID_OK;
	initStringInfo(&out);
	/* the form in the North American plan depends on nothing else */
	if (region != NULL && (strcmp(region, "US") == 0 || strcmp(region, "CA") == 0) &&
		e164[1] == '1' && strlen(e164) == 12)
		appendStringInfo(&out, "(%.3s) %.3s-%s", e164 + 2, e164 + 5, e164 + 8);
	else if (region != NULL && r->options->phone != NULL && r->options->phone(e164, region, written))
		appendStringInfoString(&out, written);
	else
		appendStringInfoString(&out, e164);
	*result = sf_str(out.data, out.len);
	return true;
}

/* How an amount is written: by language, and by country where it differs. */
typedef struct money_style
{
	const char *locale;			/* xx or xx-YY */
	const char *group;
	const char *point;
	bool		behind;			/* 5,00 EUR rather than EUR 5.00 */
} money_style;

/* Blanks are plain ones: the no-break space would turn a text into UCS-2. */
static const money_style money_styles[] = {
	{"en-ZA", " ", ",", false},
	{"de-AT", ".", ",", false},
	{"de-CH", "'", ".", false},
	{"fr-CA", " ", ",", true},
	{"fr-CH", " ", ",", true},
	{"it-CH", "'", ".", false},
	{"es-MX", ",", ".", false},
	{"es-US", ",", ".", false},
	{"pt-BR", ".", ",", false},
	{"en", ",", ".", false},
	{"ja", ",", ".", false},
	{"ko", ",", ".", false},
	{"zh", ",", ".", false},
	{"he", ",", ".", true},
	{"th", ",", ".", false},
	{"nl", ".", ",", false},
	{"tr", ".", ",", false},
	{"da", ".", ",", true},
	{"de", ".", ",", true},
	{"el", ".", ",", true},
	{"es", ".", ",", true},
	{"hr", ".", ",", true},
	{"id", ".", ",", false},
	{"it", ".", ",", true},
	{"pt", " ", ",", true},
	{"ro", ".", ",", true},
	{"sl", ".", ",", true},
	{"vi", ".", ",", true},
	{"bg", " ", ",", true},
	{"cs", " ", ",", true},
	{"et", " ", ",", true},
	{"fi", " ", ",", true},
	{"fr", " ", ",", true},
	{"hu", " ", ",", true},
	{"lt", " ", ",", true},
	{"lv", " ", ",", true},
	{"nb", " ", ",", true},
	{"no", " ", ",", true},
	{"pl", " ", ",", true},
	{"ru", " ", ",", true},
	{"sk", " ", ",", true},
	{"sv", " ", ",", true},
	{"uk", " ", ",", true}
};

/* Digits after the point (ISO 4217) and sign; currencies not here: 2 and their code. */
static const struct
{
	const char *code;
	int			digits;
	const char *sign;			/* NULL: the code */
}			currencies[] = {
	{"USD", 2, "$"}, {"EUR", 2, "\xE2\x82\xAC"}, {"GBP", 2, "\xC2\xA3"}, {"JPY", 0, "\xC2\xA5"},
	{"BHD", 3, NULL}, {"IQD", 3, NULL}, {"JOD", 3, NULL}, {"KWD", 3, NULL}, {"LYD", 3, NULL},
	{"OMR", 3, NULL}, {"TND", 3, NULL},
	{"BIF", 0, NULL}, {"CLP", 0, NULL}, {"DJF", 0, NULL}, {"GNF", 0, NULL}, {"ISK", 0, NULL},
	{"KMF", 0, NULL}, {"KRW", 0, NULL}, {"PYG", 0, NULL}, {"RWF", 0, NULL}, {"UGX", 0, NULL},
	{"VND", 0, NULL}, {"VUV", 0, NULL}, {"XAF", 0, NULL}, {"XOF", 0, NULL}, {"XPF", 0, NULL}
};

/* The style of a locale: of its country, else of its language, else of English. */
static const money_style *
find_style(const char *locale)
{
	const money_style *english = NULL;
	char		tag[8] = "";
	int			i;

	/* en_US is as good as en-US; nothing longer is looked for */
	if (locale != NULL)
		strlcpy(tag, locale, sizeof(tag));
	if (tag[0] != '\0' && tag[1] != '\0' && tag[2] == '_')
		tag[2] = '-';
	for (i = 0; i < lengthof(money_styles); i++)
	{
		const money_style *s = &money_styles[i];
		int			len = strlen(s->locale);

		if (pg_strncasecmp(tag, s->locale, len) == 0 && (tag[len] == '\0' || tag[len] == '-'))
			return s;
		if (strcmp(s->locale, "en") == 0)
			english = s;
	}
	return english;
}

/* Appends the digits before the point in groups of three. */
static bool
append_grouped(sf_render *r, StringInfo out, const char *digits, int len, const char *group)
{
	int			i;

	for (i = 0; i < len; i++)
	{
		if (i > 0 && (len - i) % 3 == 0 && !sf_append(r, out, group, strlen(group)))
			return false;
		if (!sf_append(r, out, digits + i, 1))
			return false;
	}
	return true;
}

/*
 * money: currency.  The amount rounded to the digits that the currency has,
 * as the locale of the text writes it: $1,234.50, 1.234,50 (euro sign).
 */
bool
sf_filter_money(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	const money_style *style = find_style(r->options->locale);
	sf_value	currency;
	sf_value	amount = sf_to_number(input);
	StringInfoData number;
	StringInfoData out;
	const char *sign = NULL;
	const char *point;
	const char *digits;
	char		code[4] = "";
	int			decimals = 2;
	int			len;
	bool		negative;
	int			i;

	*result = input;
	if (input.type == SF_V_NIL)
		return true;
	if (!sf_is_number(input))
		return sf_render_error(r, "money expects a number");
	if (!sf_to_string(r, args->values[0], &currency))
		return false;
	for (i = 0; i < 3 && currency.len == 3; i++)
		code[i] = pg_ascii_toupper(currency.u.str[i]);
	if (strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return sf_render_error(r, "money expects the code of a currency such as 'USD'");
	for (i = 0; i < lengthof(currencies); i++)
	{
		if (strcmp(currencies[i].code, code) == 0)
		{
			decimals = currencies[i].digits;
			sign = currencies[i].sign;
		}
	}

	initStringInfo(&number);
	if (!sf_fixed_text(r, amount, decimals, &number))
		return false;
	negative = number.data[0] == '-';
	digits = number.data + (negative ? 1 : 0);
	point = strchr(digits, '.');
	len = point != NULL ? point - digits : strlen(digits);

	initStringInfo(&out);
	if (negative && !sf_append(r, &out, "-", 1))
		return false;
	if (!style->behind)
		appendStringInfo(&out, "%s%s", sign != NULL ? sign : code,
						 sign != NULL && strcmp(style->group, ",") == 0 ? "" : " ");
	if (!append_grouped(r, &out, digits, len, style->group))
		return false;
	if (point != NULL)
		appendStringInfo(&out, "%s%s", style->point, point + 1);
	if (style->behind)
		appendStringInfo(&out, " %s", sign != NULL ? sign : code);
	*result = sf_str(out.data, out.len);
	return true;
}

/* gsm: characters that GSM 03.38 lacks become look-alikes that it has. */
bool
sf_filter_gsm(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	size_t		len;
	char	   *out;

	if (!sf_to_string(r, input, &input))
		return false;
	out = sf_text_smart(unconstify(char *, input.u.str), input.len, SF_SMART_ALWAYS, &len);
	*result = sf_str(out, len);
	return true;
}

/* Segments of a string with another one behind it. */
static int
count_segments(const char *s, int len, sf_value end, char *buf)
{
	sf_segments counted;

	memcpy(buf, s, len);
	memcpy(buf + len, end.u.str, end.len);
	sf_count_segments(buf, len + end.len, &counted);
	return counted.segments;
}

/*
 * segments_max: segments, ellipsis = '...'.  Cuts the string, between two
 * characters, to what fits into so many segments; the ellipsis included.
 */
bool
sf_filter_segments_max(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	sf_value	ellipsis = sf_str("...", 3);
	sf_segments counted;
	int64		max;
	int64		low = 0;
	int64		high;
	char	   *buf;
	int			len;

	if (!sf_to_string(r, input, result) || !sf_to_integer(r, args->values[0], &max) ||
		(args->count > 1 && !sf_to_string(r, args->values[1], &ellipsis)))
		return false;
	if (max < 1)
		return sf_render_error(r, "segments_max expects at least 1 segment");
	sf_count_segments(result->u.str, result->len, &counted);
	if (counted.segments <= max)
		return true;

	/* a longer beginning never takes fewer segments; 0 .. low fits, high does not */
	if (ellipsis.len > r->max_string || !sf_charge_bytes(r, 20 * ((int64) result->len + ellipsis.len)))
		return false;
	high = sf_chars(result->u.str, result->len) + 1;
	buf = palloc((Size) result->len + ellipsis.len + 1);
	while (high - low > 1)
	{
		int64		middle = (low + high) / 2;

		len = sf_char_offset(result->u.str, result->len, middle);
		if (count_segments(result->u.str, len, ellipsis, buf) <= max)
			low = middle;
		else
			high = middle;
	}
	len = sf_char_offset(result->u.str, result->len, low);
	if (count_segments(result->u.str, len, ellipsis, buf) > max)
		return sf_render_error(r, "the ellipsis of segments_max does not fit");
	*result = sf_str(buf, len + ellipsis.len);
	return true;
}
