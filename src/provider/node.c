/*-------------------------------------------------------------------------
 *
 * node.c
 *		A jsonb document as a small tree that may be changed.
 *
 * Descriptions are read once, at compilation, so convenience beats speed
 * here: settings are merged over the kind's description in this form.  All
 * nodes live in the current memory context.  Texts are converted to UTF-8,
 * numbers keep the digits they were written with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

/* A palloc'd UTF-8 copy of text in the encoding of the database. */
static char *
node_text(const char *text, int len)
{
	char	   *copy = pnstrdup(text, len);

	return pg_server_to_any(copy, len, PG_UTF8);
}

/* An empty node; key may be NULL. */
sf_node *
sf_node_make(sf_node_kind kind, const char *key)
{
	sf_node    *node = palloc0(sizeof(sf_node));

	node->kind = kind;
	node->key = key ? pstrdup(key) : NULL;
	return node;
}

/* The node of one jsonb value, with all that is below it. */
static sf_node *
node_from_value(const JsonbValue *value)
{
	sf_node    *node = sf_node_make(SF_NODE_NULL, NULL);

	check_stack_depth();

	switch (value->type)
	{
		case jbvNull:
			break;
		case jbvBool:
			node->kind = SF_NODE_BOOL;
			node->text = value->val.boolean ? "true" : "false";
			break;
		case jbvNumeric:
			node->kind = SF_NODE_NUMBER;
			node->text = DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(value->val.numeric)));
			break;
		case jbvString:
			node->kind = SF_NODE_STRING;
			node->text = node_text(value->val.string.val, value->val.string.len);
			break;
		case jbvBinary:
			{
				JsonbIterator *it = JsonbIteratorInit(value->val.binary.data);
				JsonbIteratorToken token;
				JsonbValue	v;
				sf_node   **tail = &node->child;
				char	   *key = NULL;

				token = JsonbIteratorNext(&it, &v, true);
				node->kind = (token == WJB_BEGIN_OBJECT) ? SF_NODE_OBJECT : SF_NODE_ARRAY;
				while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
				{
					if (token == WJB_KEY)
						key = node_text(v.val.string.val, v.val.string.len);
					else if (token == WJB_VALUE || token == WJB_ELEM)
					{
						*tail = node_from_value(&v);
						(*tail)->key = key;
						tail = &(*tail)->next;
						key = NULL;
					}
				}
				break;
			}
		default:
			elog(ERROR, "unexpected jsonb value type %d", (int) value->type);
	}
	return node;
}

/*
 * The tree of a document; NULL gives an empty object.  A document that is a
 * single scalar comes out as an array of one element, as jsonb stores it.
 */
sf_node *
sf_node_from_jsonb(Jsonb *jb)
{
	JsonbValue	root;

	if (jb == NULL)
		return sf_node_make(SF_NODE_OBJECT, NULL);
	root.type = jbvBinary;
	root.val.binary.data = &jb->root;
	root.val.binary.len = VARSIZE(jb) - VARHDRSZ;
	return node_from_value(&root);
}

/* The member called key; NULL when there is none or object is not an object. */
sf_node *
sf_node_get(const sf_node *object, const char *key)
{
	if (object == NULL || object->kind != SF_NODE_OBJECT)
		return NULL;
	for (sf_node *n = object->child; n != NULL; n = n->next)
	{
		if (strcmp(n->key, key) == 0)
			return n;
	}
	return NULL;
}

/* The member object called key, made when it is not there. */
sf_node *
sf_node_object(sf_node *object, const char *key)
{
	sf_node    *member = sf_node_get(object, key);

	if (member == NULL)
	{
		member = sf_node_make(SF_NODE_OBJECT, key);
		sf_node_put(object, member);
	}
	return member;
}

/* Puts member into object in place of one with the same key. */
void
sf_node_put(sf_node *object, sf_node *member)
{
	sf_node   **slot = &object->child;

	while (*slot != NULL && strcmp((*slot)->key, member->key) != 0)
		slot = &(*slot)->next;
	member->next = *slot ? (*slot)->next : NULL;
	*slot = member;
}

/* Takes the member called key out of object. */
static void
node_remove(sf_node *object, const char *key)
{
	for (sf_node **slot = &object->child; *slot != NULL; slot = &(*slot)->next)
	{
		if (strcmp((*slot)->key, key) == 0)
		{
			*slot = (*slot)->next;
			return;
		}
	}
}

/* A copy of node and of all that is below it. */
static sf_node *
node_copy(const sf_node *node)
{
	sf_node    *copy = palloc(sizeof(sf_node));
	sf_node   **tail = &copy->child;

	check_stack_depth();
	*copy = *node;
	copy->next = NULL;
	copy->child = NULL;
	for (const sf_node *n = node->child; n != NULL; n = n->next)
	{
		*tail = node_copy(n);
		tail = &(*tail)->next;
	}
	return copy;
}

/*
 * Lays over on top of base, both objects: members that are objects on both
 * sides are merged, anything else is replaced, and null takes a member away.
 */
void
sf_node_merge(sf_node *base, const sf_node *over)
{
	check_stack_depth();
	for (const sf_node *n = over->child; n != NULL; n = n->next)
	{
		sf_node    *mine = sf_node_get(base, n->key);

		if (n->kind == SF_NODE_NULL)
			node_remove(base, n->key);
		else if (mine != NULL && mine->kind == SF_NODE_OBJECT && n->kind == SF_NODE_OBJECT)
			sf_node_merge(mine, n);
		else
			sf_node_put(base, node_copy(n));
	}
}

/* The text of a string, number or boolean; NULL for anything else. */
const char *
sf_node_scalar(const sf_node *node)
{
	if (node == NULL)
		return NULL;
	return node->text;
}

/* How many elements an array or object has. */
int
sf_node_length(const sf_node *node)
{
	int			n = 0;

	if (node == NULL)
		return 0;
	for (const sf_node *c = node->child; c != NULL; c = c->next)
		n++;
	return n;
}
