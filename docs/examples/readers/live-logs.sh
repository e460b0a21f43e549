#!/usr/bin/env bash
# Print the messages of the dialect live-logs as they come, one JSON object a line.
#
#   live-logs.sh redis://localhost:6379
#
# Pub/sub alone: what is said while nobody listens is not repeated.
set -euo pipefail
redis-cli -u "$1" ${REDIS_USER:+--user "$REDIS_USER"} SUBSCRIBE raro:live_logs | grep --line-buffered '^{'
