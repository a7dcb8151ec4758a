#!/bin/sh
#
# make-certs.sh DIR
#		Certificates for TLS tests, in PEM:
#
#	ca.pem				the authority to trust
#	good.pem			for localhost and 127.0.0.1, signed by it
#	wrong-host.pem		for elsewhere.test, signed by it
#	expired.pem			for localhost and 127.0.0.1, signed by it, no longer valid
#	self-signed.pem		for localhost and 127.0.0.1, signed by nobody else
#
# Each certificate X.pem has its key in X.key.  The keys are worth nothing.
set -eu

if [ $# -ne 1 ]; then
	echo "usage: $0 DIR" >&2
	exit 2
fi
mkdir -p "$1"
cd "$1"

local_names="DNS:localhost,IP:127.0.0.1"

new_key()
{
	openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null ||
		openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}

# signed NAME ALTERNATIVE-NAMES FROM TO: a certificate signed by the authority,
# valid between two times written YYYYMMDDHHMMSSZ
signed()
{
	new_key "$1"
	openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
	cat > "$1.cnf" <<-END
		[ca]
		default_ca = here
		[here]
		database = index.txt
		new_certs_dir = .
		rand_serial = yes
		default_md = sha256
		policy = any
		x509_extensions = leaf
		unique_subject = no
		[any]
		commonName = supplied
		[leaf]
		basicConstraints = CA:FALSE
		extendedKeyUsage = serverAuth
		subjectAltName = $2
	END
	: > index.txt
	openssl ca -batch -notext -config "$1.cnf" -cert ca.pem -keyfile ca.key \
		-startdate "$3" -enddate "$4" -in "$1.csr" -out "$1.pem" 2>/dev/null
	rm -f "$1.csr" "$1.cnf" index.txt*
}

new_key ca
openssl req -x509 -new -key ca.key -subj "/CN=Test authority" -days 36500 \
	-addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign" -out ca.pem

signed good "$local_names" 20200101000000Z 21200101000000Z
signed wrong-host DNS:elsewhere.test 20200101000000Z 21200101000000Z
signed expired "$local_names" 20200101000000Z 20210101000000Z

new_key self-signed
openssl req -x509 -new -key self-signed.key -subj "/CN=self-signed" -days 36500 \
	-addext "subjectAltName=$local_names" -out self-signed.pem

# openssl ca leaves a copy of each certificate under its serial number
for file in *.pem; do
	case $file in
		ca.pem | good.pem | wrong-host.pem | expired.pem | self-signed.pem) ;;
		*) rm -f "$file" ;;
	esac
done
