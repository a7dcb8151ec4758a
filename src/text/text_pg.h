/*-------------------------------------------------------------------------
 *
 * text_pg.h
 *		The part of smart encoding that needs PostgreSQL: normalisation and
 *		the database's encoding.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TEXT_PG_H
#define SF_TEXT_PG_H

#include "postgres.h"

#include "text/text.h"

/*
 * The bytes of a value in UTF-8: the same pointer if the database is in UTF-8,
 * else palloc'd; raises an error when the value cannot be converted.
 */
extern char *sf_text_utf8(const char *s, size_t len, size_t *utf8_len);
/*
 * Smart encoding of a UTF-8 body by mode, with NFC before.  Returns body
 * itself when nothing is to change, else a palloc'd text.
 */
extern char *sf_text_smart(char *body, size_t len, sf_smart_mode mode,
						   size_t *out_len);

#endif							/* SF_TEXT_PG_H */
