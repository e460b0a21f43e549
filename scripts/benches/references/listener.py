"""Listens on a channel or a pattern and prints, in ms, how old each message is: p50 and p99.

Messages hold the sender's ``monotonic_ns`` somewhere, between two ``@``: one clock for the machine.
``python listener.py URL CHANNEL-OR-PATTERN COUNT``; says ``ready`` once it is subscribed.
"""

from __future__ import annotations

import re
import sys
import time

import redis

_STAMP = re.compile(rb"@(\d+)@")


def main() -> None:
    url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    pubsub = redis.Redis.from_url(url, protocol=2).pubsub(ignore_subscribe_messages=True)
    pubsub.psubscribe(name)
    pubsub.get_message(timeout=10)
    print("ready", flush=True)
    ages = []
    for message in pubsub.listen():
        now = time.monotonic_ns()
        if found := _STAMP.search(message["data"]):
            ages.append((now - int(found[1])) / 1e6)
        if len(ages) == count:
            break
    ages.sort()
    print(ages[count // 2], ages[min(count - 1, count * 99 // 100)], flush=True)


main()
