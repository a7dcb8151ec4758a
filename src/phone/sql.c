/*-------------------------------------------------------------------------
 *
 * sql.c
 *		smsfollow.phone(), phone_info() and mask_phone().
 *
 * Invariant: no error message quotes the number that it is about.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "phone/library.h"
#include "phone/phone.h"
#include "phone/prefix.h"
#include "settings.h"

#define FORM_HINT "Write it as +, country code and digits, such as +14155550100; or name the region of a national number: the argument region or the setting smsfollow.default_region."

/* Columns of phone_info(). */
enum
{
	INFO_E164,
	INFO_REGION,
	INFO_TYPE,
	INFO_TIME_ZONES,
	INFO_EXTENSION,
	INFO_REASON,
	INFO_COLUMNS
};

PG_FUNCTION_INFO_V1(smsfollow_phone);
PG_FUNCTION_INFO_V1(smsfollow_phone_info);
PG_FUNCTION_INFO_V1(smsfollow_mask_phone);
PG_FUNCTION_INFO_V1(smsfollow_are_e164);
PG_FUNCTION_INFO_V1(smsfollow_number_type);
PG_FUNCTION_INFO_V1(smsfollow_place_zones);

/*
 * The region that applies: argument argno if given, else the setting.  Writes
 * two capital letters into region and returns it, or NULL for none.
 */
static const char *
region_arg(FunctionCallInfo fcinfo, int argno, char region[3])
{
	const char *name;

	if (PG_ARGISNULL(argno))
		name = sf_default_region != NULL ? sf_default_region : "";
	else
		name = text_to_cstring(PG_GETARG_TEXT_PP(argno));
	if (name[0] == '\0')
		return NULL;

	region[0] = pg_ascii_toupper((unsigned char) name[0]);
	region[1] = pg_ascii_toupper((unsigned char) name[1]);
	region[2] = '\0';
	if (region[0] < 'A' || region[0] > 'Z' ||
		region[1] < 'A' || region[1] > 'Z' || name[2] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("region of a phone number must be two letters"),
				 errhint("Use the country's ISO 3166 code, such as US, GB or FR.")));
	return region;
}

/* Raises the error for input that is no number one can text. */
static void
refuse(const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("phone number is not valid: %s", reason),
			 errhint(FORM_HINT)));
}

/*
 * phone(input text, region text) returns text: the number in E.164.  A number
 * in international form is taken as it is, by its form alone; everything else
 * goes to libphonenumber and must be valid there.
 */
Datum
smsfollow_phone(PG_FUNCTION_ARGS)
{
	text	   *input;
	char		e164[SF_PHONE_SIZE];
	char		buf[3];
	const char *region;
	const char *why;
	sf_lib_number number;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	input = PG_GETARG_TEXT_PP(0);
	region = region_arg(fcinfo, 1, buf);

	if (sf_phone_e164(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), e164, &why))
		PG_RETURN_TEXT_P(cstring_to_text(e164));

	sf_phone_lookup(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), region, true,
					&number);
	if (number.status != SF_LIB_VALID)
		refuse(number.reason);
	if (number.extension[0] != '\0')
		refuse("it has an extension, which a text cannot reach");
	PG_RETURN_TEXT_P(cstring_to_text(number.e164));
}

/* Sets one column to a string, or leaves it NULL for "" and NULL. */
static void
put_text(Datum *values, bool *nulls, int column, const char *s)
{
	if (s == NULL || s[0] == '\0')
		return;
	values[column] = CStringGetTextDatum(s);
	nulls[column] = false;
}

static Datum
text_array(const char *const *strings, int n)
{
	Datum		elements[SF_PREFIX_MAX_ZONES];

	for (int i = 0; i < n; i++)
		elements[i] = CStringGetTextDatum(strings[i]);
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The zones of a number; NULL when it belongs to no country. */
static void
put_zones(Datum *values, bool *nulls, const char *e164)
{
	const char *zones[SF_PREFIX_MAX_ZONES];
	bool		by_country;
	int			n = e164[0] == '\0' ? 0 : sf_prefix_zones(e164, zones, &by_country);

	if (n == 0)
		return;
	values[INFO_TIME_ZONES] = text_array(zones, n);
	nulls[INFO_TIME_ZONES] = false;
}

/*
 * phone_info(input text, region text): what is known about a number; an
 * invalid one is an answer here, not an error.  Without the module only the
 * form can be judged: type UNKNOWN and the reason say so.
 */
Datum
smsfollow_phone_info(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[INFO_COLUMNS] = {0};
	bool		nulls[INFO_COLUMNS];
	text	   *input;
	char		e164[SF_PHONE_SIZE];
	char		buf[3];
	const char *region;
	const char *why;
	bool		strict;
	sf_lib_number number;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	memset(nulls, true, sizeof(nulls));
	input = PG_GETARG_TEXT_PP(0);
	region = region_arg(fcinfo, 1, buf);

	strict = sf_phone_e164(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), e164,
						   &why);
	if (sf_phone_lookup(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), region,
						!strict, &number))
	{
		put_text(values, nulls, INFO_E164, number.e164);
		put_text(values, nulls, INFO_REGION, number.region);
		put_text(values, nulls, INFO_TYPE,
				 number.status == SF_LIB_VALID ? number.type :
				 number.status == SF_LIB_INVALID ? "INVALID" : "UNPARSEABLE");
		put_text(values, nulls, INFO_EXTENSION, number.extension);
		put_zones(values, nulls, number.e164);
		put_text(values, nulls, INFO_REASON, number.reason);
	}
	else
	{
		put_text(values, nulls, INFO_E164, e164);
		put_text(values, nulls, INFO_TYPE, "UNKNOWN");
		put_zones(values, nulls, e164);
		put_text(values, nulls, INFO_REASON,
				 "only its form is checked, the module smsfollow_phone cannot be loaded");
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/*
 * mask_phone(text) returns text: the number as logs and analysts see it.  What
 * is not E.164 is hidden altogether.
 */
Datum
smsfollow_mask_phone(PG_FUNCTION_ARGS)
{
	text	   *input = PG_GETARG_TEXT_PP(0);
	char		e164[SF_PHONE_SIZE];
	char		masked[SF_PHONE_SIZE];
	const char *why;

	(void) sf_phone_e164(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), e164,
						 &why);
	sf_phone_mask(e164, masked);
	PG_RETURN_TEXT_P(cstring_to_text(masked));
}

/*
 * are_e164(phones): all of them are E.164 already, character by character; a
 * null is not.
 */
Datum
smsfollow_are_e164(PG_FUNCTION_ARGS)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char		e164[SF_PHONE_SIZE];
		const char *why;
		text	   *phone;
		size_t		len;

		if (nulls[i])
			PG_RETURN_BOOL(false);
		phone = DatumGetTextPP(values[i]);
		len = VARSIZE_ANY_EXHDR(phone);
		if (!sf_phone_e164(VARDATA_ANY(phone), len, e164, &why) ||
			strlen(e164) != len || memcmp(VARDATA_ANY(phone), e164, len) != 0)
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

/*
 * number_type(phone)
 */
Datum
smsfollow_number_type(PG_FUNCTION_ARGS)
{
	text	   *phone = PG_GETARG_TEXT_PP(0);
	sf_lib_number number;

	if (!sf_phone_lookup(VARDATA_ANY(phone), VARSIZE_ANY_EXHDR(phone), NULL, false, &number) ||
		number.status != SF_LIB_VALID)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(number.type));
}

/*
 * place_zones(region, subdivision)
 */
Datum
smsfollow_place_zones(PG_FUNCTION_ARGS)
{
	const char *zones[SF_PREFIX_MAX_ZONES];
	int			n = 0;

	if (!PG_ARGISNULL(0))
		n = sf_place_zones(text_to_cstring(PG_GETARG_TEXT_PP(0)),
						   PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1)), zones);
	if (n == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(text_array(zones, n));
}
