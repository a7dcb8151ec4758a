/*-------------------------------------------------------------------------
 *
 * media.c
 *		Pictures and the like of a text: along with it, or as links.
 *
 * A provider whose description has a part "media" takes so many with a text,
 * which then is an MMS.  Any other gets the text with their addresses at its
 * end; they are shortened there like all links.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"

#include "worker/claim.h"

/* What enqueue() lets through. */
#define MAX_MEDIA 10

static SPIPlanPtr plan_max;

/*
 * How many media a provider takes with a text.  The claim has it from the
 * account; whoever asks what would become of a text, such as explain(), has no
 * accounts, and reads it off the description.
 */
static int
max_media(const sf_text *text, int32 provider_id)
{
	static const Oid types[] = {INT4OID};
	static int32 known_provider = 0;
	static uint64 known_generation;
	static int	known;
	Datum		values[1] = {Int32GetDatum(provider_id)};
	bool		isnull;

	if (text->account != NULL)
		return text->account->provider != NULL ? sf_provider_max_media(text->account->provider) : 0;
	if (provider_id != 0 && (known_provider != provider_id || known_generation != sf_policy_generation()))
	{
		sf_plan(&plan_max, "SELECT smsfollow.max_media(p.name, smsfollow.kind_description(p.kind), p.settings)"
				" FROM smsfollow.provider p WHERE p.provider_id = $1", 1, types);
		sf_execute(plan_max, values, NULL, SPI_OK_SELECT);
		known = SPI_processed == 1 ? DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) : 0;
		SPI_freetuptable(SPI_tuptable);
		known_provider = provider_id;
		known_generation = sf_policy_generation();
	}
	return provider_id != 0 ? known : 0;
}

/*
 * media is a list of texts, as smsfollow.check_media() wants it: an address,
 * and behind a blank what is only said to be checked.
 */
void
sf_attach_media(sf_text *text, const sf_draft *draft)
{
	const char **urls = palloc(sizeof(char *) * MAX_MEDIA);
	int			n = 0;
	JsonbIterator *it = JsonbIteratorInit(&draft->media->root);
	JsonbValue	v;
	JsonbIteratorToken token;
	StringInfoData out;

	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
		if (token == WJB_ELEM && v.type == jbvString && n < MAX_MEDIA)
		{
			const char *blank = memchr(v.val.string.val, ' ', v.val.string.len);

			urls[n++] = pnstrdup(v.val.string.val, blank ? blank - v.val.string.val : v.val.string.len);
		}
	if (max_media(text, draft->provider_id) >= n)
	{
		text->nmedia = n;
		text->media = urls;
		return;
	}
	initStringInfo(&out);
	appendStringInfoString(&out, text->body);
	for (int i = 0; i < n; i++)
		appendStringInfo(&out, " %s", urls[i]);
	text->body = out.data;
}
