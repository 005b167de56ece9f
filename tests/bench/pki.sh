#!/usr/bin/env bash
# The guide's PKI with openssl: one root CA, and the two certificates of each management plane instance. As strict as
# ours: the same key sizes, names and key usages, each certificate verified.
#   pki.sh mp1=mp1.tsb.example.com mp2=mp2.tsb.example.com     in the working folder; MP_FLOAT_DNS as in the guide
set -euo pipefail
umask 077

mkdir -p ca
openssl req -x509 -newkey rsa:4096 -nodes -sha256 -days 3650 -keyout ca/ca.key -out ca/ca.crt -subj "/CN=tsb root CA" \
  -addext "basicConstraints=critical,CA:true,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null

# issue FOLDER NAME PERMANENT_FQDN USAGES FURTHER_NAMES
issue() {
  openssl req -new -newkey rsa:2048 -nodes -keyout "$1/$2.key" -out "$1/$2.csr" -subj "/CN=$3" 2>/dev/null
  cat >"$1/$2.ext" <<END
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = $4
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:$3, DNS:$MP_FLOAT_DNS$5
END
  openssl x509 -req -in "$1/$2.csr" -CA ca/ca.crt -CAkey ca/ca.key -CAcreateserial -sha256 -days 365 \
    -extfile "$1/$2.ext" -out "$1/$2.crt" 2>/dev/null
  openssl verify -x509_strict -CAfile ca/ca.crt "$1/$2.crt"
}

for instance in "$@"; do
  name=${instance%%=*} fqdn=${instance#*=}
  mkdir -p "$name"
  issue "$name" tsb_certs "$fqdn" serverAuth ""
  issue "$name" xcp-central-cert "$fqdn" serverAuth,clientAuth ", URI:spiffe://xcp.tetrate.io/central"
done
