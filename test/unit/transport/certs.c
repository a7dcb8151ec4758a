/*-------------------------------------------------------------------------
 *
 * certs.c
 *		Certificate authorities and certificates for one run of the tests.
 *
 *-------------------------------------------------------------------------
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "certs.h"

#define DAY_S (24L * 3600)

/* Ends the tests: without certificates there is nothing to test. */
static void
fail(const char *what)
{
	fprintf(stderr, "certificates: %s\n", what);
	exit(1);
}

/* A new key on the curve P-256. */
static EVP_PKEY *
new_key(void)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY   *key = NULL;

	if (EVP_PKEY_keygen_init(context) != 1 ||
		EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) != 1 ||
		EVP_PKEY_keygen(context, &key) != 1)
		fail("no key");
	EVP_PKEY_CTX_free(context);
	return key;
}

/* Adds an extension given as text. */
static void
extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX	context;
	X509_EXTENSION *extension;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (extension == NULL || X509_add_ext(cert, extension, -1) != 1)
		fail("no extension");
	X509_EXTENSION_free(extension);
}

/* A certificate for a name, signed by the issuer, or by itself without one. */
static X509 *
new_cert(const char *name, long serial, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, int expired)
{
	X509	   *cert = X509_new();
	X509_NAME  *subject = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -2 * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(cert), expired ? -DAY_S : DAY_S);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *) name, -1, -1, 0);
	if (issuer == NULL)
	{
		X509_set_issuer_name(cert, subject);
		extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
		extend(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign");
		extend(cert, cert, NID_subject_key_identifier, "hash");
	}
	else
	{
		char		names[300];

		snprintf(names, sizeof(names), "DNS:%s", name);
		X509_set_issuer_name(cert, X509_get_subject_name(issuer));
		extend(cert, issuer, NID_subject_alt_name, names);
		extend(cert, issuer, NID_authority_key_identifier, "keyid");
	}
	if (X509_sign(cert, issuer_key, EVP_sha256()) == 0)
		fail("not signed");
	return cert;
}

/* Opens a file of the directory for writing. */
static FILE *
open_file(const char *dir, const char *name, const char *suffix)
{
	char		path[512];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix);
	file = fopen(path, "w");
	if (file == NULL)
		fail(path);
	return file;
}

/* See certs.h. */
void
certs_make(const char *dir, const char *name, const char *host, int expired)
{
	static long serial = 1000;
	EVP_PKEY   *ca_key = new_key();
	EVP_PKEY   *key = new_key();
	char		ca_name[300];
	X509	   *ca;
	X509	   *cert;
	FILE	   *file;

	snprintf(ca_name, sizeof(ca_name), "test authority %s", name);
	ca = new_cert(ca_name, serial++, ca_key, NULL, ca_key, 0);
	cert = new_cert(host, serial++, key, ca, ca_key, expired);

	file = open_file(dir, name, "-ca.pem");
	PEM_write_X509(file, ca);
	fclose(file);
	file = open_file(dir, name, ".pem");
	PEM_write_X509(file, cert);
	fclose(file);
	file = open_file(dir, name, ".key");
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	X509_free(cert);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}
