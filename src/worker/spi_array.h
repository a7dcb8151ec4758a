/*-------------------------------------------------------------------------
 *
 * spi_array.h
 *		Prepared statements over arrays: how a wave of texts crosses SPI.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_SPI_ARRAY_H
#define SF_SPI_ARRAY_H

#include "postgres.h"

#include "executor/spi.h"
#include "utils/guc.h"

/* A one-dimensional array on its way to be a parameter. */
typedef struct sf_array
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
} sf_array;

extern void sf_array_init(sf_array *array, int capacity);
extern void sf_array_add(sf_array *array, Datum value);
extern void sf_array_add_null(sf_array *array);
extern void sf_array_add_text(sf_array *array, const char *value);	/* NULL is null */
extern Datum sf_array_datum(const sf_array *array, Oid type);
/* The planner settings under which the plans of a wave are made. */
extern void sf_pin_plans(GucAction action);
/* Prepares once and keeps; errors as SPI does. */
extern SPIPlanPtr sf_plan(SPIPlanPtr *plan, const char *sql, int nargs, const Oid *types);
/* SPI_execute_plan that raises on anything but expected. */
extern void sf_execute(SPIPlanPtr plan, Datum *values, const char *nulls, int expected);

#endif							/* SF_SPI_ARRAY_H */
