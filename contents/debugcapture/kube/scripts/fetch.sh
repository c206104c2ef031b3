# shellcheck shell=sh disable=SC2154 # $sum, $nonce and the functions are those of bounded.sh
# Sends a file ($1) from an offset ($2), and reports the size and checksum of the whole file.
file=$1 offset=$2

unreadable() {
  printf '\ndebug-capture-end %s {"ended":"unreadable","errors":"%s"}\n' "$nonce" "$1" >&2
  finish
  exit 0
}

send() {
  if [ "$offset" = 0 ]; then cat "$file" 4<&-; else tail -c "+$((offset + 1))" "$file" 4<&-; fi
}

# A link would copy another file than the one that was found, such as one that only this user may read.
[ ! -L "$file" ] || unreadable "it is a symbolic link"
[ -r "$file" ] || unreadable "it does not exist or is not readable"
[ -f "$file" ] || unreadable "it is not a regular file"
size=$(stat -L -c %s "$file" 2>/dev/null || wc -c <"$file")
size=$((size)) # some versions of wc write spaces around it
found=
if [ "$sum" ]; then
  found=$(
    $sum <"$file" 4<&- &
    send >&3
    wait
  )
else
  send
fi
report 0 "$size" "$found"
finish
exit 0
