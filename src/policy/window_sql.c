/*-------------------------------------------------------------------------
 *
 * window_sql.c
 *		What SQL asks about hours, jurisdictions and windows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "phone/phone.h"
#include "policy/jurisdiction.h"
#include "policy/quiet.h"
#include "settings.h"
#include "worker/spi_array.h"

#define HOURS_HINT "Write for example 'Mon-Fri 08:00-20:00; Sat 09:00-13:00; holidays closed', '08:00-21:00' for every day, or 'always'."

PG_FUNCTION_INFO_V1(smsfollow_check_hours);
PG_FUNCTION_INFO_V1(smsfollow_hours_in_common);
PG_FUNCTION_INFO_V1(smsfollow_jurisdictions_of);
PG_FUNCTION_INFO_V1(smsfollow_next_open);

/* Reads a specification, or raises why it cannot. */
static void
read_hours(text *specification, sf_hours *hours)
{
	const char *why;

	if (!sf_hours_parse(VARDATA_ANY(specification), VARSIZE_ANY_EXHDR(specification), hours, &why))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("hours are not valid: %s", why),
				 errhint(HOURS_HINT)));
}

/*
 * check_hours(hours)
 */
Datum
smsfollow_check_hours(PG_FUNCTION_ARGS)
{
	sf_hours	hours;

	if (!PG_ARGISNULL(0))
		read_hours(PG_GETARG_TEXT_PP(0), &hours);
	PG_RETURN_VOID();
}

/* Adds the layers of an array, nulls left out. */
static int
add_layers(ArrayType *array, int margin, const sf_hours **layers, int n)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		sf_hours   *hours;

		if (nulls[i])
			continue;
		if (n == SF_WINDOW_MAX_LAYERS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("there are more than %d windows", SF_WINDOW_MAX_LAYERS),
					 errhint("Put some of them together.")));
		hours = palloc(sizeof(sf_hours));
		read_hours(DatumGetTextPP(values[i]), hours);
		sf_hours_shorten(hours, margin);
		layers[n++] = hours;
	}
	return n;
}

/*
 * hours_in_common(hours, legal_hours)
 */
Datum
smsfollow_hours_in_common(PG_FUNCTION_ARGS)
{
	const sf_hours *layers[SF_WINDOW_MAX_LAYERS];
	int			n = add_layers(PG_GETARG_ARRAYTYPE_P(0), 0, layers, 0);

	n = add_layers(PG_GETARG_ARRAYTYPE_P(1), sf_window_margin, layers, n);
	PG_RETURN_BOOL(sf_hours_common(layers, n));
}

static const char *
text_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/*
 * jurisdictions_of(phone, region, subdivision)
 */
Datum
smsfollow_jurisdictions_of(PG_FUNCTION_ARGS)
{
	const sf_jurisdiction *rules[SF_MAX_JURISDICTIONS];
	Datum		names[SF_MAX_JURISDICTIONS];
	char		e164[SF_PHONE_SIZE];
	const char *why;
	const char *phone = text_arg(fcinfo, 0);
	sf_place	place;
	int			n;

	if (phone == NULL)
		PG_RETURN_NULL();
	if (!sf_phone_e164(phone, strlen(phone), e164, &why))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("phone number is not valid: %s", why),
				 errhint("Write it as +, country code and digits, such as +14155550100.")));
	SPI_connect();
	sf_policy_refresh();
	sf_place_find(e164, NULL, text_arg(fcinfo, 1), text_arg(fcinfo, 2), &place);
	n = sf_jurisdictions_at(&place, sf_clock(), rules);
	SPI_finish();
	for (int i = 0; i < n; i++)
		names[i] = CStringGetTextDatum(rules[i]->name);
	PG_RETURN_ARRAYTYPE_P(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * next_open(phone, time_zone, region, subdivision, contact_hours, program_id,
 * campaign_id, purpose, from_at)
 */
Datum
smsfollow_next_open(PG_FUNCTION_ARGS)
{
	sf_facts	facts = {0};
	sf_quiet	quiet;
	TimestampTz at;
	TimestampTz from = PG_GETARG_TIMESTAMPTZ(8);

	facts.now = sf_clock();
	facts.phone = text_arg(fcinfo, 0);
	facts.time_zone = text_arg(fcinfo, 1);
	facts.region = text_arg(fcinfo, 2);
	facts.subdivision = text_arg(fcinfo, 3);
	facts.contact_hours = text_arg(fcinfo, 4);
	facts.program_id = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT32(5);
	facts.campaign_id = PG_ARGISNULL(6) ? 0 : PG_GETARG_INT32(6);
	facts.purpose = text_arg(fcinfo, 7);
	SPI_connect();
	sf_policy_refresh();
	sf_quiet_find(&facts, from, &quiet);
	at = sf_quiet_open(&quiet, from);
	SPI_finish();
	if (at == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(at);
}
