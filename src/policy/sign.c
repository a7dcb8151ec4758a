/*-------------------------------------------------------------------------
 *
 * sign.c
 *		Signing with a key that stays hidden.
 *
 * A key is a secret like a provider's: a row of smsfollow.secret, or else a
 * file in smsfollow.secret_dir.  Its member "key" signs; every member is good
 * for checking, so that an older key stays beside its successor.  SQL sees the
 * signatures only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "provider/provider.h"
#include "settings.h"

#define MIN_KEY_LENGTH 16

PG_FUNCTION_INFO_V1(smsfollow_sign);
PG_FUNCTION_INFO_V1(smsfollow_signature_holds);

/* The secret of this name, or NULL when there is none. */
static Jsonb *
load_secret(const char *name)
{
	static const Oid types[] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};
	MemoryContext caller = CurrentMemoryContext;
	Jsonb	   *secret = NULL;

	SPI_connect();
	if (SPI_execute_with_args("SELECT s.value FROM smsfollow.secret s WHERE s.name = $1",
							  1, (Oid *) types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for a secret");
	if (SPI_processed == 1)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		secret = DatumGetJsonbPCopy(value);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	if (secret == NULL && sf_secret_dir != NULL && sf_secret_dir[0] != '\0')
	{
		struct stat st;
		char	   *path = psprintf("%s/%s", sf_secret_dir, name);

		/* what is there and cannot be read is an error, not an absent key */
		if (stat(path, &st) == 0 || errno != ENOENT)
			secret = sf_provider_load_secret(name);
	}
	return secret;
}

/* HMAC-SHA256 of a message. */
static void
compute(const JsonbValue *key, bytea *message, uint8 *signature)
{
	pg_hmac_ctx *ctx = pg_hmac_create(PG_SHA256);

	if (ctx == NULL ||
		pg_hmac_init(ctx, (uint8 *) key->val.string.val, key->val.string.len) < 0 ||
		pg_hmac_update(ctx, (uint8 *) VARDATA_ANY(message), VARSIZE_ANY_EXHDR(message)) < 0 ||
		pg_hmac_final(ctx, signature, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute a signature: %s", pg_hmac_error(ctx));
	pg_hmac_free(ctx);
}

/* sign(secret_name text, message bytea) returns bytea, NULL without a secret */
Datum
smsfollow_sign(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb	   *secret = load_secret(name);
	JsonbValue	member = {.type = jbvString, .val.string = {.val = "key", .len = 3}};
	JsonbValue *key;
	bytea	   *signature;

	if (secret == NULL)
		PG_RETURN_NULL();
	key = findJsonbValueFromContainer(&secret->root, JB_FOBJECT, &member);
	if (key == NULL || key->type != jbvString || key->val.string.len < MIN_KEY_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("secret \"%s\" has no key of at least %d characters", name, MIN_KEY_LENGTH),
				 errhint("Give it a member \"key\" of random characters.")));
	signature = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	SET_VARSIZE(signature, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	compute(key, PG_GETARG_BYTEA_PP(1), (uint8 *) VARDATA(signature));
	PG_RETURN_BYTEA_P(signature);
}

/* signature_holds(secret_name text, message bytea, signature bytea) returns boolean, NULL without a secret */
Datum
smsfollow_signature_holds(PG_FUNCTION_ARGS)
{
	Jsonb	   *secret = load_secret(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	bytea	   *signature = PG_GETARG_BYTEA_PP(2);
	JsonbIterator *it;
	JsonbValue	v;
	JsonbIteratorToken token;

	if (secret == NULL)
		PG_RETURN_NULL();
	it = JsonbIteratorInit(&secret->root);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		uint8		expected[PG_SHA256_DIGEST_LENGTH];

		if (token != WJB_VALUE || v.type != jbvString)
			continue;
		compute(&v, PG_GETARG_BYTEA_PP(1), expected);
		if (VARSIZE_ANY_EXHDR(signature) == sizeof(expected) &&
			memcmp(VARDATA_ANY(signature), expected, sizeof(expected)) == 0)
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}
