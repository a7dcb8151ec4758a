/*-------------------------------------------------------------------------
 *
 * saved.h
 *		Saved templates as the partials of others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TEMPLATE_SAVED_H
#define SF_TEMPLATE_SAVED_H

#include "liquid/liquid.h"
#include "nodes/pg_list.h"

/*
 * Bodies that were looked up.  They are not looked up again, so this lives as
 * long as one answer may count: a render, or a wave of the claim.
 */
typedef struct sf_saved
{
	MemoryContext context;		/* of what is remembered */
	const char *locale;			/* of the text at hand, NULL: not known */
	int32		tenant_id;		/* of the text at hand, 0: that of the session */
	bool		approved;		/* its program takes approved templates only */
	List	   *bodies;
} sf_saved;

/* A sf_liquid_partial, with a sf_saved as its argument; render with sf_cached_render(). */
extern const sf_template *sf_saved_partial(void *saved, const char *name, sf_liquid_error *error);

#endif							/* SF_TEMPLATE_SAVED_H */
