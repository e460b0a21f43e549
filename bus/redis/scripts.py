"""What runs inside Redis, so that a whole group costs one round trip.

An ACL user that publishes needs ``~retinue:{KERNEL}:*``, ``&retinue:{KERNEL}:events:*`` and the
commands eval, evalsha, script|load, get, set, del, xadd, xtrim, xrevrange, publish and ping; one
that reads needs the same keys and get, xread and xrevrange.
"""

from __future__ import annotations

__all__ = ["ADOPT", "FENCED", "PUBLISH", "RELEASE"]

FENCED = "FENCED"
"""The error's first word when another kernel has taken the name."""

ADOPT = """
local owner = redis.call('GET', KEYS[2])
if owner == ARGV[1] then return 1 end
local again = ARGV[3] == '1'
if owner and again then return 0 end
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if top and not again and tonumber(string.match(top[1], '%d+')) >= tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1])
end
redis.call('SET', KEYS[2], ARGV[1])
return 1
"""
"""KEYS: stream, journal key. ARGV: this journal, its next seq, whether it was adopted before.

A stream that is ahead of the journal belongs to another one, which has ended: it is removed.
Gives 0 when another kernel has taken the name from one that had it.
"""

PUBLISH = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return redis.error_reply('FENCED the stream follows another journal')
end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local top = last and tonumber(string.match(last[1], '%d+')) or 0
if top < tonumber(ARGV[3]) then
  return redis.error_reply('ERR the group before this one is missing')
end
local count, fresh = 0, false
for i = 4, #ARGV, 3 do
  local seq = ARGV[i]
  if seq ~= '' then
    fresh = tonumber(seq) > top
    if fresh then
      redis.call('XADD', KEYS[1], seq .. '-0', 'seq', seq, 'event', ARGV[i + 2])
      count = count + 1
    end
  end
  if fresh then redis.call('PUBLISH', ARGV[i + 1], ARGV[i + 2]) end
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[2])
return count
"""
"""KEYS: stream, journal key. ARGV: this journal, stream length, the last seq of the group sent
just before (0: none), then for each message its seq, channel and payload. A message without
a seq is another form of the one before it, and goes to its channel only.

What the stream already holds is neither added nor published again, so a group may be resent.
"""

RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""
