/*-------------------------------------------------------------------------
 *
 * rows.c
 *		Reads the rows of a statement by the places of their columns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "policy/rows.h"

static Datum row_values[SF_MAX_COLUMNS];
static bool row_nulls[SF_MAX_COLUMNS];

int
sf_rows(SPIPlanPtr plan, Datum *values)
{
	sf_execute(plan, values, NULL, SPI_OK_SELECT);
	if (SPI_tuptable->tupdesc->natts > SF_MAX_COLUMNS)
		elog(ERROR, "too many columns");
	return (int) SPI_processed;
}

void
sf_row(int row)
{
	heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, row_values, row_nulls);
}

bool
sf_bool_at(int column)
{
	return !row_nulls[column] && DatumGetBool(row_values[column]);
}

int16
sf_int2_at(int column)
{
	return row_nulls[column] ? 0 : DatumGetInt16(row_values[column]);
}

int32
sf_int4_at(int column)
{
	return row_nulls[column] ? 0 : DatumGetInt32(row_values[column]);
}

int64
sf_int8_at(int column)
{
	return row_nulls[column] ? 0 : DatumGetInt64(row_values[column]);
}

char *
sf_text_at(int column)
{
	return row_nulls[column] ? NULL : TextDatumGetCString(row_values[column]);
}

ArrayType *
sf_array_at(int column)
{
	return row_nulls[column] ? NULL : DatumGetArrayTypePCopy(row_values[column]);
}

void
sf_rows_done(void)
{
	SPI_freetuptable(SPI_tuptable);
}
