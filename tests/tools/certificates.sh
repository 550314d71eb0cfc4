#!/bin/sh
# certificates.sh DIR SAN: an authority (ca.pem), and in its name a certificate for SAN (DNS:localhost, IP:10.0.0.1) (good.pem), one that has run out
# (expired.pem) and one for another name (other.pem), each with its key; and one that nobody vouches for (self.pem).
set -eu
cd "$1"
san=$2
key() { openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null; }
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=test authority" -keyout ca.key -out ca.pem 2>/dev/null
key good relay
printf 'subjectAltName=%s\n' "$san" > good.ext
openssl x509 -req -in good.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile good.ext -out good.pem 2>/dev/null
printf 'subjectAltName=DNS:other.test\n' > other.ext
openssl x509 -req -in good.csr -CA ca.pem -CAkey ca.key -days 2 -extfile other.ext -out other.pem 2>/dev/null
cp good.key other.key
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=relay" -addext "subjectAltName=$san" -keyout self.key \
    -out self.pem 2>/dev/null
# Only `ca` takes a beginning and an end.
: > index.txt
echo 01 > serial
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' > ca.cnf
openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in good.csr -out expired.pem -extfile good.ext \
    -startdate 20200101000000Z -enddate 20200201000000Z -notext 2>/dev/null
cp good.key expired.key
chmod 600 ./*.key
