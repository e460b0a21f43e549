#!/usr/bin/env bash
# Print the events of a gap, which the kernel reads from its journal: FIRST to LAST, both included.
#
#   fill.sh redis://localhost:6379 main FIRST LAST
#
# What the journal does not have any more is said on stderr. User and password: see tail.sh.
set -euo pipefail
url=$1 kernel=$2 first=$3 last=$4
redis=(redis-cli -u "$url" ${REDIS_USER:+--user "$REDIS_USER"})

while [ "$first" ]; do
  id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  answer="retinue:{$kernel}:fill:$id"
  heard=$("${redis[@]}" PUBLISH "retinue:{$kernel}:fill" "{\"id\":\"$id\",\"first\":$first,\"last\":$last}")
  if [ "$heard" != 1 ]; then echo "no kernel $kernel is there to answer: $heard" >&2 && exit 69; fi
  page=$("${redis[@]}" BLPOP "$answer" 5 | tail -n 1)
  case $page in
    '{"retry_after"'*) sleep 1 ;;
    '{'*)
      "${redis[@]}" LPOP "$answer" 1000 | grep '^{' || true
      if [[ $page =~ \"missing\":\[(\[.+\])\] ]]; then echo "gone: ${BASH_REMATCH[1]}" >&2; fi
      if [[ $page =~ \"next\":([0-9]+) ]]; then first=${BASH_REMATCH[1]}; else first=''; fi
      ;;
    *) echo 'the kernel did not answer within five seconds' >&2 && exit 75 ;;
  esac
done
