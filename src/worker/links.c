/*-------------------------------------------------------------------------
 *
 * links.c
 *		Short links of the texts of a wave.
 *
 * While a body is composed, each link that people would see in it gives way
 * to the program's domain and a code of random characters: no table is asked,
 * and the length is final, so segments can be counted.  Rows are written for
 * the whole wave in one statement, in the transaction of the permit, and only
 * for texts that get one: a link that was sent is always known.
 *
 * A text that is tried again keeps the codes of its earlier try, which may
 * have arrived: they are looked up for the wave and put over those just
 * drawn, in place, being of the same length.
 *
 * The domain and the parameters of a campaign are kept until the
 * configuration is read again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "text/link.h"
#include "worker/claim.h"

/* How the links of one campaign are shortened. */
typedef struct link_config
{
	int32		campaign_id;	/* hash key */
	char	   *domain;			/* NULL: not at all */
	size_t		domain_len;
	int64		expires_us;
	int			nparams;
	sf_link_param *params;
} link_config;

static MemoryContext config_context = NULL;
static HTAB *configs = NULL;
static uint64 known_generation = 0;

static SPIPlanPtr plan_config;
static SPIPlanPtr plan_known;
static SPIPlanPtr plan_write;

/*
 * Percent-encoded for the query of a URL: RFC 3986, section 2.3 stays as it is.
 */
static char *
percent_encode(const char *s)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (; *s; s++)
	{
		if ((*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') ||
			strchr("-._~", *s) != NULL)
			appendStringInfoChar(&buf, *s);
		else
			appendStringInfo(&buf, "%%%02X", (unsigned char) *s);
	}
	return buf.data;
}

/*
 * Reads how a campaign's links are shortened.
 */
static void
load_config(link_config *config)
{
	static const Oid types[] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(config->campaign_id)};
	MemoryContext caller;
	Datum		v[4];
	bool		isnull[4];

	config->domain = NULL;
	config->nparams = 0;
	sf_plan(&plan_config, "SELECT c.domain, c.expires_us, c.names, c.vals FROM smsfollow.link_config($1) c", 1, types);
	sf_execute(plan_config, values, NULL, SPI_OK_SELECT);
	for (int i = 0; i < 4; i++)
		v[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull[i]);
	caller = MemoryContextSwitchTo(config_context);
	if (!isnull[0])
	{
		config->domain = TextDatumGetCString(v[0]);
		config->domain_len = strlen(config->domain);
		config->expires_us = DatumGetInt64(v[1]);
	}
	if (!isnull[0] && !isnull[2])
	{
		Datum	   *names;
		Datum	   *vals;
		int			n;

		deconstruct_array(DatumGetArrayTypeP(v[2]), TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &n);
		deconstruct_array(DatumGetArrayTypeP(v[3]), TEXTOID, -1, false, TYPALIGN_INT, &vals, NULL, &n);
		config->params = palloc(sizeof(sf_link_param) * n);
		for (int i = 0; i < n; i++)
		{
			config->params[i].name = TextDatumGetCString(names[i]);
			config->params[i].value = percent_encode(TextDatumGetCString(vals[i]));
		}
		config->nparams = n;
	}
	MemoryContextSwitchTo(caller);
	SPI_freetuptable(SPI_tuptable);
}

static const link_config *
find_config(int32 campaign_id)
{
	link_config *config;
	bool		found;

	if (configs != NULL && known_generation != sf_policy_generation())
	{
		MemoryContextDelete(config_context);
		configs = NULL;
	}
	if (configs == NULL)
	{
		HASHCTL		ctl = {0};

		config_context = AllocSetContextCreate(TopMemoryContext, "smsfollow links", ALLOCSET_DEFAULT_SIZES);
		ctl.keysize = sizeof(int32);
		ctl.entrysize = sizeof(link_config);
		ctl.hcxt = config_context;
		configs = hash_create("smsfollow links", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		known_generation = sf_policy_generation();
	}
	config = hash_search(configs, &campaign_id, HASH_FIND, NULL);
	if (config == NULL)
	{
		link_config fresh = {.campaign_id = campaign_id};

		load_config(&fresh);
		config = hash_search(configs, &campaign_id, HASH_ENTER, &found);
		*config = fresh;
	}
	return config;
}

/*
 * Draws a code: each character is one of 62 with the same chance.
 */
static void
draw_code(char *code)
{
	static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	static unsigned char pool[1024];
	static int	left = 0;

	for (int i = 0; i < SF_LINK_CODE;)
	{
		unsigned char byte;

		if (left == 0)
		{
			if (!pg_strong_random(pool, sizeof(pool)))
				ereport(ERROR,
						(errcode(ERRCODE_INTERNAL_ERROR),
						 errmsg("could not draw the code of a short link"),
						 errhint("The operating system gave no random bytes; see its log.")));
			left = sizeof(pool);
		}
		byte = pool[--left];
		/* what was used is nobody's to find */
		pool[left] = 0;
		if (byte < 62 * 4)
			code[i++] = alphabet[byte % 62];
	}
	code[SF_LINK_CODE] = '\0';
}

/*
 * The short link of the text that leads to target: the one it has, or a new one.
 */
static const sf_short_link *
short_link(sf_text *text, char *target)
{
	sf_short_link *link;

	for (int i = 0; i < text->nlinks; i++)
		if (strcmp(text->links[i].target, target) == 0)
			return &text->links[i];
	if (text->links == NULL)
		text->links = palloc(sizeof(sf_short_link) * 4);
	else if (text->nlinks >= 4 && (text->nlinks & (text->nlinks - 1)) == 0)
		text->links = repalloc(text->links, sizeof(sf_short_link) * text->nlinks * 2);
	link = &text->links[text->nlinks++];
	draw_code(link->code);
	link->target = target;
	link->known = false;
	return link;
}

/*
 * Puts short links into a body.  A link of the program's own domain stays: it
 * is short already.  A text with a link that nobody should follow does not go,
 * whether links are shortened or not.
 */
void
sf_shorten_links(sf_text *text)
{
	size_t		len = strlen(text->body);
	sf_link		found[SF_MAX_LINKS];
	int			n = sf_find_links(text->body, len, found, SF_MAX_LINKS);
	const link_config *config;
	StringInfoData out;
	size_t		at = 0;

	text->nlinks = 0;
	text->links = NULL;
	if (n == 0)
		return;
	for (int i = 0; i < n; i++)
		if (found[i].kind == SF_LINK_CREDENTIALS || found[i].kind == SF_LINK_SCRIPT)
		{
			text->fate = SF_FATE_SUPPRESS;
			text->code = "unsafe_link";
			text->rule = found[i].kind == SF_LINK_SCRIPT ? "a script or data link" : "a link with a user name before its host";
			return;
		}
	config = find_config(text->campaign_id);
	if (config->domain == NULL)
		return;
	initStringInfo(&out);
	for (int i = 0; i < n; i++)
	{
		const char *url = text->body + found[i].offset;
		char	   *target;
		size_t		target_len;

		if (found[i].len > config->domain_len && pg_strncasecmp(url, config->domain, config->domain_len) == 0)
			continue;
		target = palloc(sf_link_target_size(found[i].len, config->params, config->nparams) + 1);
		target_len = sf_link_target(url, found[i].len, found[i].kind == SF_LINK_BARE,
									config->params, config->nparams, target);
		target[target_len] = '\0';
		appendBinaryStringInfo(&out, text->body + at, found[i].offset - at);
		appendBinaryStringInfo(&out, config->domain, config->domain_len);
		appendStringInfoString(&out, short_link(text, target)->code);
		at = found[i].offset + found[i].len;
	}
	appendStringInfoString(&out, text->body + at);
	text->body = out.data;
	text->links_last_us = config->expires_us;
}

/*
 * Gives texts that were tried before the codes they had then.
 */
static void
keep_codes(sf_text *texts, int n, TimestampTz now)
{
	static const Oid types[] = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID};
	sf_array	ids;
	sf_array	times;
	Datum		values[3];

	sf_array_init(&ids, n);
	sf_array_init(&times, n);
	for (int i = 0; i < n; i++)
		if (texts[i].fate == SF_FATE_SEND && texts[i].nlinks > 0 && texts[i].returned)
		{
			sf_array_add(&ids, Int64GetDatum(texts[i].message_id));
			sf_array_add(&times, TimestampTzGetDatum(texts[i].message_at));
		}
	if (ids.n == 0)
		return;
	sf_plan(&plan_known,
			"SELECT u.message_id, l.code, l.target FROM unnest($1, $2) AS u(message_id, message_at)"
			" CROSS JOIN LATERAL (SELECT x.code, x.target FROM smsfollow.link x"
			"  WHERE x.message_id = u.message_id AND x.created_at >= u.message_at AND x.expires_at > $3 OFFSET 0) l",
			3, types);
	values[0] = sf_array_datum(&ids, INT8OID);
	values[1] = sf_array_datum(&times, TIMESTAMPTZOID);
	values[2] = TimestampTzGetDatum(now);
	sf_execute(plan_known, values, NULL, SPI_OK_SELECT);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;
		int64		id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull));
		char	   *code = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2);
		char	   *target = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 3);

		for (int i = 0; i < n; i++)
			for (int k = 0; texts[i].message_id == id && k < texts[i].nlinks; k++)
			{
				sf_short_link *link = &texts[i].links[k];
				char	   *place = unconstify(char *, texts[i].body);	/* made here, for it has links */

				if (link->known || strcmp(link->target, target) != 0)
					continue;
				for (; (place = strstr(place, link->code)) != NULL; place += SF_LINK_CODE)
					memcpy(place, code, SF_LINK_CODE);
				memcpy(link->code, code, SF_LINK_CODE);
				link->known = true;
			}
	}
	SPI_freetuptable(SPI_tuptable);
}

void
sf_write_links(sf_text *texts, int n, TimestampTz now)
{
	static const Oid types[] = {
		TIMESTAMPTZOID, TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID
	};
	sf_array	a[6];
	Datum		values[7];
	int			total = 0;

	keep_codes(texts, n, now);
	for (int i = 0; i < n; i++)
		if (texts[i].fate == SF_FATE_SEND)
			total += texts[i].nlinks;
	if (total == 0)
		return;
	for (int i = 0; i < 6; i++)
		sf_array_init(&a[i], total);
	for (int i = 0; i < n; i++)
		for (int k = 0; texts[i].fate == SF_FATE_SEND && k < texts[i].nlinks; k++)
		{
			if (texts[i].links[k].known)
				continue;
			sf_array_add_text(&a[0], texts[i].links[k].code);
			sf_array_add(&a[1], Int64GetDatum(texts[i].message_id));
			sf_array_add(&a[2], Int64GetDatum(texts[i].contact_id));
			sf_array_add(&a[3], Int32GetDatum(texts[i].campaign_id));
			sf_array_add(&a[4], TimestampTzGetDatum(now + texts[i].links_last_us));
			sf_array_add_text(&a[5], texts[i].links[k].target);
		}
	if (a[0].n == 0)
		return;
	sf_ensure_partition(now);
	sf_plan(&plan_write,
			"INSERT INTO smsfollow.link (created_at, code, message_id, contact_id, campaign_id, expires_at, target)"
			" SELECT $1, u.* FROM unnest($2, $3, $4, $5, $6, $7) AS u", 7, types);
	values[0] = TimestampTzGetDatum(now);
	for (int i = 0; i < 6; i++)
		values[i + 1] = sf_array_datum(&a[i], get_element_type(types[i + 1]));
	sf_execute(plan_write, values, NULL, SPI_OK_INSERT);
}
