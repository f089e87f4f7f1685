# missing.sh DIR look|tidy <SHA256SUMS: say which of these files DIR lacks or has otherwise; with
# tidy, remove from it what is none of them.
set -eu
sums=$(cat)
names=$(echo "$sums" | cut -c67-)
cd "$1" 2>/dev/null || { echo "$names"; echo ./SHA256SUMS; exit; }
echo "$sums" | sha256sum --check --quiet 2>/dev/null | sed -n 's/: FAILED.*//p'
echo "$sums" | cmp -s - SHA256SUMS || echo ./SHA256SUMS
[ "$2" = tidy ] || exit 0
find . -type f ! -name SHA256SUMS | while read -r file; do
    echo "$names" | grep -qxF "$file" || rm "$file"
done
