#!/bin/sh
# revoke.sh FOLDER [NAME]: take back every certificate that NAME ever got, and put its key away;
# ca.crl lists all that were taken back. Without a NAME it sees to it that there is a list.
set -eu
umask 077
cd "$1"
name=${2:-}
exec 9>.lock
flock 9
if [ -n "$name" ] && [ ! -e "$name.crt" ] && [ ! -d "issued/$name" ]; then
    echo "$1: no certificate of \"$name\" was made here" >&2
    exit 1
fi
[ -e taken-back.txt ] || : >taken-back.txt
[ -e crlnumber ] || echo 01 >crlnumber
authority() {
    openssl ca -config /dev/stdin -cert ca.crt -keyfile ca.key -md sha256 "$@" 2>/dev/null <<END
[ca]
default_ca = own
[own]
database = taken-back.txt
crlnumber = crlnumber
unique_subject = no
END
}
for certificate in ${name:+"$name.crt" "issued/$name"/*.crt}; do
    [ -e "$certificate" ] || continue
    serial=$(openssl x509 -noout -serial -in "$certificate" | cut -d= -f2)
    cut -f4 taken-back.txt | grep -qx "$serial" || authority -revoke "$certificate"
done
if [ -n "$name" ]; then
    # A new device of that name gets a new key: this one is in somebody's hands.
    mkdir -p revoked
    [ ! -e "$name.key" ] || mv "$name.key" "revoked/$name-$(date +%s).key"
    rm -f "$name.crt" "$name.sans"
    echo "took back $name"
elif [ -e ca.crl ]; then
    exit 0
else
    echo "made a list"
fi
# As long as the CA: a broker lets nobody in by a list that has ended.
authority -gencrl -crldays 7300 -out ca.crl.new
mv ca.crl.new ca.crl
