/*-------------------------------------------------------------------------
 *
 * ledger.c
 *		The hash of a row of the consent ledger, and the keyed hash that heads
 *		and suppressed numbers carry.
 *
 * The bytes that are hashed are the same on every machine, version and server
 * encoding, and simple enough to be built by other means: see consent_hash()
 * in sql/42_consent.sql, which documents them.  Changing them would make every
 * ledger that exists look tampered with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"

#define CONSENT_TAG "smsfollow consent 1"

PG_FUNCTION_INFO_V1(smsfollow_consent_hash);
PG_FUNCTION_INFO_V1(smsfollow_hmac_sha256);

/* Appends a field: its length in four bytes, then its bytes. */
static void
add_bytes(StringInfo buf, const char *bytes, int len)
{
	pq_sendint32(buf, len);
	appendBinaryStringInfo(buf, bytes, len);
}

/* Appends a text in UTF-8. */
static void
add_text(StringInfo buf, Datum value)
{
	char	   *server = TextDatumGetCString(value);
	char	   *utf8 = pg_server_to_any(server, strlen(server), PG_UTF8);

	add_bytes(buf, utf8, strlen(utf8));
}

/* Appends a number as eight bytes. */
static void
add_int64(StringInfo buf, int64 value)
{
	pq_sendint32(buf, sizeof(value));
	pq_sendint64(buf, value);
}

/*
 * consent_hash(previous, contact_id, ordinal, consent_event_id, program_id,
 *				event, kind, method, captured_at, expires_at, disclosure_hash,
 *				evidence_hash, recorded_at, recorded_by) returns bytea
 */
Datum
smsfollow_consent_hash(PG_FUNCTION_ARGS)
{
	/* b bytea, i bigint, n integer, t text, z timestamptz */
	static const char types[] = "bininttt" "zzbbzt";
	StringInfoData buf;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	pg_cryptohash_ctx *ctx;
	bytea	   *result;

	initStringInfo(&buf);
	add_bytes(&buf, CONSENT_TAG, strlen(CONSENT_TAG));
	for (int i = 0; i < PG_NARGS(); i++)
	{
		bytea	   *bytes;

		if (PG_ARGISNULL(i))
		{
			pq_sendint32(&buf, 0xFFFFFFFF);
			continue;
		}
		switch (types[i])
		{
			case 'b':
				bytes = PG_GETARG_BYTEA_PP(i);
				add_bytes(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
				break;
			case 'i':
				add_int64(&buf, PG_GETARG_INT64(i));
				break;
			case 'n':
				add_int64(&buf, PG_GETARG_INT32(i));
				break;
			case 'z':
				add_int64(&buf, PG_GETARG_TIMESTAMPTZ(i));
				break;
			default:
				add_text(&buf, PG_GETARG_DATUM(i));
		}
	}
	ctx = pg_cryptohash_create(PG_SHA256);
	if (ctx == NULL || pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, (uint8 *) buf.data, buf.len) < 0 ||
		pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute a hash: %s", pg_cryptohash_error(ctx));
	pg_cryptohash_free(ctx);
	result = palloc(VARHDRSZ + sizeof(digest));
	SET_VARSIZE(result, VARHDRSZ + sizeof(digest));
	memcpy(VARDATA(result), digest, sizeof(digest));
	PG_RETURN_BYTEA_P(result);
}

/* hmac_sha256(key bytea, message bytea) returns bytea */
Datum
smsfollow_hmac_sha256(PG_FUNCTION_ARGS)
{
	bytea	   *key = PG_GETARG_BYTEA_PP(0);
	bytea	   *message = PG_GETARG_BYTEA_PP(1);
	bytea	   *result = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	pg_hmac_ctx *ctx = pg_hmac_create(PG_SHA256);

	if (ctx == NULL ||
		pg_hmac_init(ctx, (uint8 *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) < 0 ||
		pg_hmac_update(ctx, (uint8 *) VARDATA_ANY(message), VARSIZE_ANY_EXHDR(message)) < 0 ||
		pg_hmac_final(ctx, (uint8 *) VARDATA(result), PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute a keyed hash: %s", pg_hmac_error(ctx));
	pg_hmac_free(ctx);
	SET_VARSIZE(result, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	PG_RETURN_BYTEA_P(result);
}
