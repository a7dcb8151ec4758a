/*-------------------------------------------------------------------------
 *
 * text_pg.h
 *		The part of src/text that needs PostgreSQL: normalisation, the
 *		database's encoding, phrases as readers see them.
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
/* sf_text_clean() where the database is in UTF-8; elsewhere a body stays as it is. */
extern size_t sf_text_safe(char *body, size_t len);
/*
 * Smart encoding of a UTF-8 body by mode, with NFC before.  Returns body
 * itself when nothing is to change, else a palloc'd text.
 */
extern char *sf_text_smart(char *body, size_t len, sf_smart_mode mode,
						   size_t *out_len);

/*
 * A UTF-8 text as it is compared: look-alikes, small letters, single spaces;
 * palloc'd.
 */
extern char *sf_text_fold(const char *s, size_t len, size_t *folded_len);
/* Is a folded phrase in a folded text, as whole words? */
extern bool sf_text_has_phrase(const char *text, size_t len,
							   const char *phrase, size_t phrase_len);
/* Does a UTF-8 text tell how to get no more of them? */
extern bool sf_text_has_opt_out(const char *text, size_t text_len);

#endif							/* SF_TEXT_PG_H */
