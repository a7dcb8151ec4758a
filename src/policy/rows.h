/*-------------------------------------------------------------------------
 *
 * rows.h
 *		Reads the rows of a statement by the places of their columns.
 *
 * One result at a time: between sf_rows() and sf_rows_done() no other
 * statement runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_ROWS_H
#define SF_ROWS_H

#include "postgres.h"

#include "utils/array.h"
#include "worker/spi_array.h"

#define SF_MAX_COLUMNS 32

/* Runs a SELECT; returns how many rows it gave. */
extern int	sf_rows(SPIPlanPtr plan, Datum *values);
/* Goes to a row, from 0.  What follows reads its columns, from 0; NULL reads as NULL, 0 or false. */
extern void sf_row(int row);
extern bool sf_bool_at(int column);
extern int16 sf_int2_at(int column);
extern int32 sf_int4_at(int column);
extern int64 sf_int8_at(int column);	/* and timestamptz */
extern char *sf_text_at(int column);	/* a copy in the current memory context */
extern ArrayType *sf_array_at(int column);	/* a copy, too */
/* Frees the result. */
extern void sf_rows_done(void);

#endif							/* SF_ROWS_H */
