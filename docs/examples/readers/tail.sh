#!/usr/bin/env bash
# Print each event of a kernel once, in order, one JSON object a line; say what is missing on stderr.
#
#   tail.sh redis://localhost:6379 main cursor.txt
#
# The kernel's channels say that there is something new, and its stream has it. cursor.txt keeps the
# number and the id of the last event that was printed, and is written after each page: a reader
# that is killed just before prints that page again. The environment has the user and the password, as
# REDIS_USER and REDISCLI_AUTH: nobody sees them among the processes.
set -uo pipefail
url=$1 kernel=$2 file=$3
log="retinue:{$kernel}:log"
redis=(redis-cli -u "$url" ${REDIS_USER:+--user "$REDIS_USER"})
cursor=0 id='' listening=''

main() {
  trap 'kill "$listening" 2>/dev/null' EXIT
  trap 'exit 0' TERM INT
  if [ -s "$file" ]; then read -r cursor id <"$file"; fi
  while :; do
    exec 3< <(exec "${redis[@]}" PSUBSCRIBE "retinue:{$kernel}:events:*:*" "retinue:{$kernel}:heartbeat" 2>&1)
    listening=$!
    follow
    kill "$listening" 2>/dev/null
    say 'not live: trying again'
    sleep 1
  done
}

# Each line is a hint: an event, or once a second the kernel's heartbeat. Five seconds without
# any mean that the kernel is gone, or that the connection is dead.
follow() {
  local line
  while IFS= read -r -t 5 line <&3; do
    case $line in
      psubscribe) catch_up || return ;;
      '{"specversion"'*) if attribute sequence "$line" && [ "$((10#$REPLY))" -gt "$cursor" ]; then catch_up || return; fi ;;
      '{"seq":'*) if [[ $line != "{\"seq\":$cursor,"* ]]; then catch_up || return; fi ;;
    esac
  done
}

# Print what the stream has from the cursor on; the event at the cursor is there to be compared.
catch_up() {
  local page line fresh=yes
  while [ "$fresh" ]; do
    page=$(ask XRANGE "$log" "$cursor" + COUNT 500) || return
    if begins_anew "$page"; then
      say "gap: what followed $cursor is gone, and the numbers begin anew"
      cursor=0 id=''
      continue
    fi
    fresh=''
    while IFS= read -r line; do
      case $line in
        '{"specversion"'*) if take "$line"; then fresh=yes; fi ;;
        msgpack) say 'the events are msgpack: set observers.form to json' && exit 65 ;;
      esac
    done <<<"$page"
    printf '%s %s\n' "$cursor" "$id" >"$file.new" && mv "$file.new" "$file"
  done
}

# Tell whether the stream follows another journal: something else is at the cursor, or it ends before.
begins_anew() {
  local first newest
  if [ "$cursor" -eq 0 ]; then return 1; fi
  if first=$(grep -m 1 '^{"specversion"' <<<"$1"); then
    attribute sequence "$first"
    if [ "$((10#$REPLY))" -ne "$cursor" ]; then return 1; fi
    attribute id "$first"
    [ "$REPLY" != "$id" ]
  else
    newest=$(ask XREVRANGE "$log" + - COUNT 1) && newest=${newest%%-*} && [ "${newest:-$cursor}" -lt "$cursor" ]
  fi
}

# Print an event, unless it is the one at the cursor; 'previous' is there when the one before it
# in the stream is not the number below.
take() {
  local seq previous
  attribute sequence "$1"
  seq=$((10#$REPLY))
  if [ "$seq" -le "$cursor" ]; then return 1; fi
  attribute previous "$1"
  previous=$((10#${REPLY:-$((seq - 1))}))
  if [ "$previous" -gt "$cursor" ]; then say "gap: $((cursor + 1)) to $previous"; fi
  printf '%s\n' "$1"
  attribute id "$1"
  cursor=$seq id=$REPLY
}

# The attribute of an event; all of them stand before its data.
attribute() {
  local head=${2%%,\"data\":*} value
  value=${head#*\""$1"\":\"}
  if [ "$value" = "$head" ]; then REPLY=''; else REPLY=${value%%\"*}; fi
}

# An answer of Redis; 'redis-cli' prints an error as if it were one.
ask() {
  local answer
  answer=$(timeout 10 "${redis[@]}" "$@" 2>&1) || { say "$answer" && return 1; }
  case $answer in
    [A-Z]*) say "$answer" && return 1 ;;
    *) printf '%s\n' "$answer" ;;
  esac
}

say() { printf '%s\n' "$*" >&2; }

main
