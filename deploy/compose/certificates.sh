#!/bin/sh
# Certificates for deploy/compose.tls.yaml: sh deploy/compose/certificates.sh [DIR]
#
# In DIR (deploy/compose/tls) an authority of this installation, made once, whose key no container is given; in
# DIR/server what the bus, the dataproxy and the console are known by, in DIR/client whom everybody trusts, and what
# clients are known by. Typed again it renews both, which are good for 90 days, in the place of the old files.
# FLYTE_TLS_NAMES are further names of this machine: DNS:flyte.example,IP:192.0.2.7
set -eu
umask 027
folder=${1:-$(dirname "$0")/tls}
mkdir -p "$folder/server" "$folder/client"
cd "$folder"

key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

if [ ! -e ca.key ]; then
  cat > ca.cnf <<END
[req]
distinguished_name = name
x509_extensions = ca
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
  # shellcheck disable=SC2086
  openssl req -x509 -config ca.cnf $key -days 3650 -subj /O=flytejet/CN=authority -keyout ca.key -out client/ca.crt
  chmod 600 ca.key
fi

issue() {  # FOLDER USAGE NAMES
  cat > leaf.cnf <<END
[req]
distinguished_name = name
[name]
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = $2
subjectAltName = $3
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
  # shellcheck disable=SC2086
  openssl req -new -config leaf.cnf $key -subj "/O=flytejet/CN=$1" -keyout "$1/new.key" -out leaf.csr
  openssl x509 -req -in leaf.csr -CA client/ca.crt -CAkey ca.key -CAcreateserial -CAserial ca.srl -days 90 \
    -extfile leaf.cnf -extensions leaf -out "$1/new.crt"
  chmod 640 "$1/new.key"
  mv "$1/new.key" "$1/tls.key"
  mv "$1/new.crt" "$1/tls.crt"
}

issue server serverAuth "DNS:localhost,IP:127.0.0.1${FLYTE_TLS_NAMES:+,$FLYTE_TLS_NAMES}"
issue client clientAuth "DNS:client"
rm -f ca.cnf leaf.cnf leaf.csr
