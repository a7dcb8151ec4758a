/*-------------------------------------------------------------------------
 *
 * version.h
 *		Template versions, and which of their wordings a contact gets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TEMPLATE_VERSION_H
#define SF_TEMPLATE_VERSION_H

#include "liquid/liquid.h"

/*
 * The wording of a version for a contact of this locale (NULL: not known): in
 * the locale itself, in a shorter form of it (en-US, en), or the default one.
 * chosen is the wording's own locale, NULL where it names none.  NULL and a
 * reason in error when the version does not exist or does not parse.  Inside
 * SPI.
 */
extern const sf_template *sf_version_template(int32 template_version_id, const char *locale,
											  sf_liquid_missing *missing, const char **chosen,
											  sf_liquid_error *error);
/*
 * The locale in which dates and amounts stand in a wording for a reader: the
 * reader's, but never another language than that of the wording.  Either may
 * be NULL.
 */
extern const char *sf_locale_written(const char *wording, const char *reader);
/* Cuts the last part off a language tag; false when there is but one. */
extern bool sf_locale_cut(char *locale);
/* Are two language tags the same, however they are written? */
extern bool sf_locale_equal(const char *a, const char *b);

#endif							/* SF_TEMPLATE_VERSION_H */
