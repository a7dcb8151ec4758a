/*-------------------------------------------------------------------------
 *
 * certs.h
 *		Certificate authorities and certificates for one run of the tests.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TEST_CERTS_H
#define SF_TEST_CERTS_H

/*
 * Writes into dir a new authority NAME-ca.pem and a certificate it signed for
 * host, NAME.pem with NAME.key.  Valid for a day; expired: since yesterday.
 */
extern void certs_make(const char *dir, const char *name, const char *host, int expired);

#endif							/* SF_TEST_CERTS_H */
