/*-------------------------------------------------------------------------
 *
 * past.c
 *		What contacts have had, for the caps that count it.
 *
 * One statement for the wave, and none when no cap binds any of its texts.  It
 * reads attempt by its index on (contact_id, at): a text was claimed
 * (started_at) before its attempt was recorded (at), so what was claimed since
 * a moment is found among what was recorded since then.  The moment itself is
 * a parameter too, so that older partitions are not even opened.
 *
 * Money beyond what any cap allows is cut, so that no sum of it overflows.
 * Texts in doubt count: they may have arrived.  Those in flight need not be
 * looked for, see cap.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "policy/cap.h"
#include "policy/rows.h"

static int
by_time(const void *a, const void *b)
{
	TimestampTz x = ((const sf_past *) a)->at;
	TimestampTz y = ((const sf_past *) b)->at;

	return x < y ? -1 : x > y;
}

void
sf_past_of(sf_facts *facts, int n)
{
	static SPIPlanPtr plan;
	static const Oid types[] = {INT4ARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, BOOLARRAYOID, TIMESTAMPTZOID};
	TimestampTz earliest = DT_NOEND;
	sf_array	a[4];
	Datum		values[5];
	sf_past    *past;
	int			rows;

	for (int i = 0; i < 4; i++)
		sf_array_init(&a[i], n);
	for (int i = 0; i < n; i++)
	{
		bool		all;
		TimestampTz since = sf_caps_since(&facts[i], &all);

		if (since == DT_NOEND || facts[i].contact_id == 0)
			continue;
		earliest = Min(earliest, since);
		sf_array_add(&a[0], Int32GetDatum(i));
		sf_array_add(&a[1], Int64GetDatum(facts[i].contact_id));
		sf_array_add(&a[2], TimestampTzGetDatum(since));
		sf_array_add(&a[3], BoolGetDatum(all));
	}
	if (a[0].n == 0)
		return;
	sf_plan(&plan,
			"SELECT u.i, x.at, x.campaign_id, x.program_id, x.sender_id, x.tags, x.marketing, x.segments,"
			" pg_catalog.ceil(least(x.money, 2000000000) * 1000000)::bigint, CASE WHEN x.money IS NOT NULL THEN x.currency END"
			" FROM unnest($1, $2, $3, $4) AS u(i, contact_id, since, counts_all)"
			" CROSS JOIN LATERAL ("
			"  SELECT t.started_at AS at, t.campaign_id, t.program_id, t.sender_id, t.tags, t.marketing, t.segments,"
			"   coalesce(t.cost, t.price) AS money, CASE WHEN t.cost IS NULL THEN t.price_currency ELSE t.currency END AS currency"
			"  FROM smsfollow.attempt t"
			"  WHERE t.contact_id = u.contact_id AND t.at > u.since AND t.at > $5 AND t.started_at > u.since"
			"   AND t.outcome = 'accepted' AND (t.marketing OR u.counts_all)"
			"  UNION ALL"
			"  SELECT d.started_at, d.campaign_id, d.program_id, d.sender_id, d.tags, d.marketing, d.segments, d.price, d.price_currency"
			"  FROM smsfollow.in_doubt d"
			"  WHERE d.contact_id = u.contact_id AND d.started_at > u.since AND (d.marketing OR u.counts_all)"
			"  OFFSET 0) x",
			5, types);
	for (int i = 0; i < 4; i++)
		values[i] = sf_array_datum(&a[i], i == 0 ? INT4OID : i == 1 ? INT8OID : i == 2 ? TIMESTAMPTZOID : BOOLOID);
	values[4] = TimestampTzGetDatum(earliest);
	rows = sf_rows(plan, values);
	past = palloc(sizeof(sf_past) * Max(rows, 1));
	/* rows of one text come together */
	for (int row = 0; row < rows; row++)
	{
		sf_past    *p = &past[row];
		sf_facts   *f;

		sf_row(row);
		f = &facts[sf_int4_at(0)];
		if (f->npast++ == 0)
			f->past = p;
		p->at = sf_int8_at(1);
		p->campaign_id = sf_int4_at(2);
		p->program_id = sf_int4_at(3);
		p->sender_id = sf_int4_at(4);
		p->tags = sf_array_at(5);
		p->marketing = sf_bool_at(6);
		p->segments = sf_int2_at(7);
		p->money = sf_int8_at(8);
		p->currency = sf_text_at(9);
	}
	sf_rows_done();
	for (int i = 0; i < n; i++)
		if (facts[i].npast > 1)
			qsort(facts[i].past, facts[i].npast, sizeof(sf_past), by_time);
}
