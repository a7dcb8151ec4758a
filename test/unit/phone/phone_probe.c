/*-------------------------------------------------------------------------
 *
 * phone_probe.c
 *		Asks the libphonenumber shim about numbers, for vectors.pl.
 *
 * A line in: region (two letters, or - for none), a blank, the input in
 * hexadecimal.  A line out: E.164 or -, and the type as phone_info() has it.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "phone/lib/shim.h"

int
main(void)
{
	char		line[2048];

	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		char		region[3] = {0};
		char		input[1024];
		char	   *hex = strchr(line, ' ');
		size_t		len;
		sf_lib_number n;

		if (hex == NULL)
			return 2;
		hex++;
		if (line[0] != '-')
			memcpy(region, line, 2);
		len = strcspn(hex, "\n") / 2;
		for (size_t i = 0; i < len; i++)
		{
			unsigned int byte;

			if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
				return 2;
			input[i] = (char) byte;
		}
		sf_phone_lib_lookup_v1(input, len, region[0] ? region : NULL, &n);
		if (n.status > SF_LIB_UNPARSEABLE)
			return 2;
		printf("%s\t%s\n", n.e164[0] ? n.e164 : "-",
			   n.status == SF_LIB_VALID ? n.type :
			   n.status == SF_LIB_INVALID ? "INVALID" : "UNPARSEABLE");
	}
	return 0;
}
