/*-------------------------------------------------------------------------
 *
 * sql.c
 *		smsfollow.segments() and smart_encode(): what a text costs, and how to
 *		make it cheaper; has_phrase() and has_opt_out(): what it says.
 *
 * The core reads UTF-8; in a database of another encoding the body is
 * converted first, so the answer is the same everywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "text/text.h"
#include "text/text_pg.h"

/* Longest list of forcing characters in an answer. */
#define MAX_FORCING 20

/* Columns of segments(). */
enum
{
	SEGMENTS_ENCODING,
	SEGMENTS_UNITS,
	SEGMENTS_SEGMENTS,
	SEGMENTS_CUTS,
	SEGMENTS_FORCING,
	SEGMENTS_COLUMNS
};

PG_FUNCTION_INFO_V1(smsfollow_segments);
PG_FUNCTION_INFO_V1(smsfollow_smart_encode);
PG_FUNCTION_INFO_V1(smsfollow_has_phrase);
PG_FUNCTION_INFO_V1(smsfollow_has_opt_out);

/* The positions where further segments start, as int[]; empty for one segment. */
static Datum
cuts_array(const char *body, size_t len, const sf_segments *counted)
{
	int			max = Max(counted->segments - 1, 0);
	int		   *cuts = palloc(sizeof(int) * Max(max, 1));
	Datum	   *items = palloc(sizeof(Datum) * Max(max, 1));
	int			n = sf_segment_cuts(body, len, counted, cuts, max);

	for (int i = 0; i < n; i++)
		items[i] = Int32GetDatum(cuts[i]);
	return PointerGetDatum(construct_array(items, n, INT4OID, sizeof(int32),
										   true, TYPALIGN_INT));
}

/* Adds one string member to the object under construction. */
static void
push_string(JsonbParseState **state, const char *key, char *s)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, key);
	v.val.string.len = strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &v);
	v.val.string.val = s;
	v.val.string.len = strlen(s);
	(void) pushJsonbValue(state, WJB_VALUE, &v);
}

/* Adds one whole-number member to the object under construction. */
static void
push_int(JsonbParseState **state, const char *key, int n)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, key);
	v.val.string.len = strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &v);
	v.type = jbvNumeric;
	v.val.numeric = int64_to_numeric(n);
	(void) pushJsonbValue(state, WJB_VALUE, &v);
}

/*
 * The characters that are not GSM, as [{char, position, codepoint}].  The
 * strings must live until the whole list is one jsonb.
 */
static Datum
forcing_jsonb(const char *body, size_t len)
{
	sf_forcing	list[MAX_FORCING];
	int			n = sf_forcing_chars(body, len, list, MAX_FORCING);
	JsonbParseState *state = NULL;
	JsonbValue *result;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		char	   *utf8 = pnstrdup(body + list[i].offset, list[i].bytes);
		char	   *shown = pg_any_to_server(utf8, list[i].bytes, PG_UTF8);
		char	   *codepoint = psprintf("U+%04X", list[i].codepoint);

		(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		push_string(&state, "char", shown);
		push_string(&state, "codepoint", codepoint);
		push_int(&state, "position", list[i].position);
		(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	result = pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(result));
}

/* What answers have in common; made at the first call of a query. */
typedef struct segments_common
{
	TupleDesc	desc;
	Datum		encodings[2];	/* by sf_encoding */
	Datum		no_cuts;
	Datum		no_forcing;
} segments_common;

static segments_common *
common_parts(FunctionCallInfo fcinfo)
{
	segments_common *common = fcinfo->flinfo->fn_extra;
	sf_segments none = {SF_GSM7, 0, 0};
	MemoryContext caller;
	TupleDesc	desc;

	if (common != NULL)
		return common;
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	common = palloc(sizeof(segments_common));
	common->desc = BlessTupleDesc(CreateTupleDescCopy(desc));
	common->encodings[SF_GSM7] = CStringGetTextDatum(sf_encoding_name(SF_GSM7));
	common->encodings[SF_UCS2] = CStringGetTextDatum(sf_encoding_name(SF_UCS2));
	common->no_cuts = cuts_array("", 0, &none);
	common->no_forcing = forcing_jsonb("", 0);
	MemoryContextSwitchTo(caller);
	fcinfo->flinfo->fn_extra = common;
	return common;
}

/* segments(body text): encoding, units, segments, cuts, forcing. */
Datum
smsfollow_segments(PG_FUNCTION_ARGS)
{
	const segments_common *common = common_parts(fcinfo);
	text	   *arg = PG_GETARG_TEXT_PP(0);
	size_t		len;
	char	   *body = sf_text_utf8(VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg),
									&len);
	sf_segments counted;
	Datum		values[SEGMENTS_COLUMNS];
	bool		nulls[SEGMENTS_COLUMNS] = {false};

	sf_count_segments(body, len, &counted);
	values[SEGMENTS_ENCODING] = common->encodings[counted.encoding];
	values[SEGMENTS_UNITS] = Int32GetDatum(counted.units);
	values[SEGMENTS_SEGMENTS] = Int32GetDatum(counted.segments);
	values[SEGMENTS_CUTS] = counted.segments > 1 ?
		cuts_array(body, len, &counted) : common->no_cuts;
	values[SEGMENTS_FORCING] = counted.encoding == SF_UCS2 ?
		forcing_jsonb(body, len) : common->no_forcing;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(common->desc, values,
													  nulls)));
}

/* smart_encode(body text, mode text) returns text. */
Datum
smsfollow_smart_encode(PG_FUNCTION_ARGS)
{
	text	   *arg = PG_GETARG_TEXT_PP(0);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	size_t		len;
	size_t		out_len;
	char	   *body;
	char	   *encoded;
	char	   *shown;
	sf_smart_mode mode;

	if (!sf_smart_mode_parse(name, &mode))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown smart encoding mode \"%s\"", name),
				 errhint("Use off, always or only_if_gsm.")));

	body = sf_text_utf8(VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg), &len);
	encoded = sf_text_smart(body, len, mode, &out_len);
	if (encoded == body)
		PG_RETURN_TEXT_P(arg);
	shown = pg_any_to_server(encoded, out_len, PG_UTF8);
	if (shown != encoded)
		out_len = strlen(shown);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(shown, out_len));
}

/* has_phrase(body text, phrase text) returns boolean. */
Datum
smsfollow_has_phrase(PG_FUNCTION_ARGS)
{
	text	   *arg[2] = {PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1)};
	char	   *folded[2];
	size_t		len[2];

	for (int i = 0; i < 2; i++)
	{
		char	   *utf8 = sf_text_utf8(VARDATA_ANY(arg[i]), VARSIZE_ANY_EXHDR(arg[i]), &len[i]);

		folded[i] = sf_text_fold(utf8, len[i], &len[i]);
	}
	PG_RETURN_BOOL(sf_text_has_phrase(folded[0], len[0], folded[1], len[1]));
}

/* has_opt_out(body text) returns boolean. */
Datum
smsfollow_has_opt_out(PG_FUNCTION_ARGS)
{
	text	   *arg = PG_GETARG_TEXT_PP(0);
	size_t		len;
	char	   *body = sf_text_utf8(VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg), &len);

	PG_RETURN_BOOL(sf_text_has_opt_out(body, len));
}
