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

#include "lib/stringinfo.h"

#include "worker/claim.h"

/* What enqueue() lets through. */
#define MAX_MEDIA 10

/*
 * media is a list of texts, as smsfollow.check_media() wants it: an address,
 * and behind a blank what is only said to be checked.
 */
void
sf_attach_media(sf_text *text, Jsonb *media)
{
	const char **urls = palloc(sizeof(char *) * MAX_MEDIA);
	int			n = 0;
	JsonbIterator *it = JsonbIteratorInit(&media->root);
	JsonbValue	v;
	JsonbIteratorToken token;
	StringInfoData out;

	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
		if (token == WJB_ELEM && v.type == jbvString && n < MAX_MEDIA)
		{
			const char *blank = memchr(v.val.string.val, ' ', v.val.string.len);

			urls[n++] = pnstrdup(v.val.string.val, blank ? blank - v.val.string.val : v.val.string.len);
		}
	if (text->account != NULL && text->account->provider != NULL &&
		sf_provider_max_media(text->account->provider) >= n)
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
