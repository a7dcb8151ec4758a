/*-------------------------------------------------------------------------
 *
 * secret.c
 *		Reading a provider's secret from a file.
 *
 * A secret is a handful of named texts.  Its file lies directly in
 * smsfollow.secret_dir and must not be readable by everybody.  No message
 * from here shows what a file holds, and the buffer it was read into is wiped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "provider/internal.h"
#include "settings.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"

#define MAX_SECRET_SIZE (64 * 1024)
#define MAX_NAME_LENGTH 64

/* Letters, digits, - _ and single dots that do not come first. */
static bool
valid_name(const char *name)
{
	size_t		len = strlen(name);

	return len >= 1 && len <= MAX_NAME_LENGTH && name[0] != '.' && strstr(name, "..") == NULL &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

/* Raises the error that the secret cannot be used. */
static void
refuse(const char *name, int code, const char *problem, const char *hint)
{
	ereport(ERROR,
			(errcode(code),
			 errmsg("secret \"%s\" cannot be used: %s", name, problem),
			 hint ? errhint("%s", hint) : 0));
}

/*
 * Reads the whole file into buf (MAX_SECRET_SIZE + 1 bytes, so that one byte
 * too many is seen) and returns its length, or -1 with errno or a static text
 * in *problem.  Raises no error, so
 * that the descriptor is closed on every path.
 */
static ssize_t
read_file(const char *path, char *buf, const char **problem)
{
	int			fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t		len = 0;
	ssize_t		n = 1;

	*problem = NULL;
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0)
		len = -1;
	else if (!S_ISREG(st.st_mode))
		*problem = "it is not a regular file";
	else if ((st.st_mode & S_IRWXO) != 0)
		*problem = "everybody may read or change its file";
	while (*problem == NULL && len >= 0 && n > 0)
	{
		n = read(fd, buf + len, MAX_SECRET_SIZE + 1 - len);
		if (n < 0)
			len = -1;
		else
			len += n;
	}
	if (len > MAX_SECRET_SIZE)
		*problem = "its file is larger than 64 kB";
	if (*problem != NULL)
		len = -1;
	close(fd);
	return len;
}

/* Lines of key=value as a JSON object; false when a line is something else. */
static bool
lines_to_json(char *text, StringInfo json)
{
	char	   *save = NULL;
	const char *separator = "";

	appendStringInfoChar(json, '{');
	for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save))
	{
		char	   *equals = strchr(line, '=');

		if (line[0] == '#')
			continue;
		if (equals == NULL || equals == line)
			return false;
		*equals = '\0';
		appendStringInfoString(json, separator);
		escape_json(json, line);
		appendStringInfoChar(json, ':');
		escape_json(json, equals + 1);
		separator = ",";
	}
	appendStringInfoChar(json, '}');
	return true;
}

/* True for an object whose members are texts, numbers or booleans. */
static bool
is_flat_object(Jsonb *jb)
{
	JsonbIterator *it = JsonbIteratorInit(&jb->root);
	JsonbValue	v;
	JsonbIteratorToken token;

	if (!JB_ROOT_IS_OBJECT(jb))
		return false;
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_VALUE && (v.type == jbvBinary || v.type == jbvNull))
			return false;
	}
	return true;
}

/* As provider.h says. */
Jsonb *
sf_provider_load_secret(const char *secret_name)
{
	char	   *buf;
	char	   *path;
	const char *problem;
	ssize_t		len;
	Jsonb	   *out = NULL;

	if (!valid_name(secret_name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of a secret must be 1 to 64 letters, digits, hyphens, underscores or dots"),
				 errhint("Name the file in smsfollow.secret_dir like that, without a path.")));
	if (sf_secret_dir == NULL || sf_secret_dir[0] == '\0')
		refuse(secret_name, ERRCODE_CONFIG_FILE_ERROR, "there is no directory for secrets",
			   "Set smsfollow.secret_dir, or store the secret with smsfollow.set_secret().");

	path = psprintf("%s/%s", sf_secret_dir, secret_name);
	buf = palloc(MAX_SECRET_SIZE + 1);
	len = read_file(path, buf, &problem);
	if (len < 0 && problem == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("secret \"%s\" cannot be read: %m", secret_name),
				 errhint("The server needs read access to the file of this name in smsfollow.secret_dir.")));
	if (len < 0)
		refuse(secret_name, ERRCODE_CONFIG_FILE_ERROR, problem,
			   "Use a file of mode 0600 or 0640 that belongs to the server's user.");

	buf[len] = '\0';
	if (buf[strspn(buf, " \t\r\n")] == '{')
		out = sf_json_parse(buf, len);
	else if (memchr(buf, '\0', len) == NULL)
	{
		StringInfoData json;

		initStringInfo(&json);
		if (lines_to_json(buf, &json))
			out = sf_json_parse(json.data, json.len);
		explicit_bzero(json.data, json.maxlen);
	}
	explicit_bzero(buf, MAX_SECRET_SIZE + 1);
	if (out == NULL || !is_flat_object(out))
		refuse(secret_name, ERRCODE_CONFIG_FILE_ERROR,
			   "its file is neither a JSON object of texts nor lines of key=value", NULL);
	return out;
}
