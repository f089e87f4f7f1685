#!/bin/sh
# issue.sh FOLDER NAME DAYS RENEW_DAYS SANS: NAME.key and NAME.crt, signed by ca.crt, where they
# are missing, end within RENEW_DAYS, or are for other names. SANS is empty for a client.
set -eu
umask 077
folder=$1 name=$2 days=$3 renew=$4 sans=$5
mkdir -p "$folder"
cd "$folder"
exec 9>.lock
flock 9
curve='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
if [ ! -e ca.crt ]; then
    # shellcheck disable=SC2086
    openssl req -x509 $curve -days 7300 -subj "/CN=edgeagent CA" -keyout ca.key -out ca.new \
        -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
    mv ca.new ca.crt
fi
if openssl x509 -noout -checkend $((renew * 86400)) -in "$name.crt" >/dev/null 2>&1 &&
    openssl verify -CAfile ca.crt "$name.crt" >/dev/null 2>&1 &&
    [ "$(cat "$name.sans")" = "$sans" ]; then
    exit 0
fi
use=clientAuth
[ -z "$sans" ] || use=serverAuth
{
    echo "basicConstraints=critical,CA:FALSE"
    echo "extendedKeyUsage=$use"
    echo "subjectKeyIdentifier=hash"
    echo "authorityKeyIdentifier=keyid"
    [ -z "$sans" ] || echo "subjectAltName=$sans"
} >"$name.ext"
# The key stays while it is there: what was handed out goes on working.
[ -s "$name.key" ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$name.key"
openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" \
    -extfile "$name.ext" -out "$name.new" 2>/dev/null
rm "$name.csr" "$name.ext"
echo "$sans" >"$name.sans"
# Kept, for all that were ever made have to be named when they are taken back (revoke.sh).
mkdir -p "issued/$name"
cp "$name.new" "issued/$name/$(openssl x509 -noout -serial -in "$name.new" | cut -d= -f2).crt"
mv "$name.new" "$name.crt"
echo "issued $name"
