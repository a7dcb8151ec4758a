/*-------------------------------------------------------------------------
 *
 * batch.h
 *		Any SELECT as a batch of texts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_BATCH_H
#define SF_BATCH_H

#include "postgres.h"

#include "worker/spi_array.h"

/* A query, and the rows of it that are at hand. */
typedef struct sf_batch
{
	void		(*take) (struct sf_batch *batch);	/* called for each chunk, in its context */
	void	   *arg;
	MemoryContext context;		/* lives as long as a chunk */
	int			n;
	int64	   *rows;			/* their numbers in the query, from 1 */
	int64		first_row;		/* of the chunk, rows without a number included */
	int64		last_row;
	sf_array	phones;			/* E.164 */
	sf_array	times;			/* send_at; null: not given */
	sf_array	vars;			/* jsonb; null: none */
	sf_array	bodies;
	sf_array	keys;
	sf_array	media;			/* jsonb list of texts; null: none */
	bool		has_send_at;	/* the query has such a column */
	bool		has_body;
	bool		has_key;
	bool		has_media;
} sf_batch;

/* Reads "error" or "skip"; true for the latter. */
extern bool sf_batch_skips(text *on_invalid);
/* campaign_id, template_version_id and sender_id of a call; inside SPI. */
extern void sf_batch_resolve(Datum template, bool no_template, Datum campaign, bool no_campaign,
							 Datum sender, bool no_sender, Datum *ids, bool *idnull);
/*
 * Runs the query with the rights of the current user and hands its rows to
 * batch->take.  A row without a valid number is an error or, with skip, left
 * out; returns how many were.  Inside SPI.
 */
extern int64 sf_batch_run(const char *query, bool skip, sf_batch *batch);

#endif							/* SF_BATCH_H */
