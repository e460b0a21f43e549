"""What runs inside Redis, so that a whole group costs one round trip.

What a user of Redis needs to run them is in ``acl``.
"""

from __future__ import annotations

__all__ = ["ADOPT", "BEAT", "BEHIND", "CLEAR", "FENCED", "FILL", "PUBLISH", "RELEASE", "TRIM"]

FENCED = "FENCED"
"""The error's first word when another kernel has taken the name."""

BEHIND = "BEHIND"
"""The error's first word when the stream lacks what was sent before."""

ADOPT = """
local owner = redis.call('GET', KEYS[2])
local again = ARGV[3] == '1'
local free = not owner or string.sub(owner, -1) == '/'
if owner ~= ARGV[1] and again and not free then return {0} end
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local seq = top and tonumber(string.match(top[1], '%d+')) or 0
if top and owner ~= ARGV[1] and not again and seq >= tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1])
  top = nil
end
redis.call('SET', KEYS[2], ARGV[1])
if not top then return {1} end
return {1, seq, top[2][4] or ''}
"""
"""KEYS: stream, journal key. ARGV: this journal, its next seq, whether it was adopted before.

A stream that is ahead of the journal belongs to another one, which has ended: it is removed.
A name whose last kernel has ended is free.

Gives 0 when another kernel has taken the name from one that had it, else 1, and the seq and the
payload of the stream's newest entry.
"""

_HEAD = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return redis.error_reply('FENCED the stream follows another journal')
end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local top = last and tonumber(string.match(last[1], '%d+')) or 0
if top < tonumber(ARGV[2]) then
  return redis.error_reply('BEHIND the stream ends at ' .. top)
end
local plain = ARGV[3] == 'json'
local count = 0
"""

PUBLISH = (
    _HEAD
    + """
local fresh = false
for i = 4, #ARGV, 3 do
  local seq = ARGV[i]
  local number = tonumber(seq)
  if number then
    fresh = number > top
    if fresh then
      if plain then
        redis.call('XADD', KEYS[1], seq .. '-0', 'seq', seq, 'event', ARGV[i + 2])
      else
        redis.call('XADD', KEYS[1], seq .. '-0', 'seq', seq, 'event', ARGV[i + 2], 'form', ARGV[3])
      end
      redis.call('PUBLISH', ARGV[i + 1], ARGV[i + 2])
      count = count + 1
    end
  elseif fresh and seq == 'channel' then
    redis.call('PUBLISH', ARGV[i + 1], ARGV[i + 2])
  elseif fresh then
    local key = KEYS[tonumber(ARGV[i + 1])]
    redis.call('XADD', key, 'MAXLEN', '~', 10000, '*', 'json', ARGV[i + 2])
  end
end
return count
"""
)
"""KEYS: stream, journal key, streams of dialects. ARGV: this journal, the last seq that the stream
must have (0: none), the form; then for each message its seq, channel and payload. After it may
come its other forms: ``channel``, a channel's name, the payload; ``stream``, the index of the key,
the payload.

What the stream already holds is neither added nor published again, so a group may be resent.
"""

FILL = (
    _HEAD
    + """
for i = 4, #ARGV, 2 do
  local seq = ARGV[i]
  if tonumber(seq) > top then
    if plain then
      redis.call('XADD', KEYS[1], seq .. '-0', 'seq', seq, 'event', ARGV[i + 1])
    else
      redis.call('XADD', KEYS[1], seq .. '-0', 'seq', seq, 'event', ARGV[i + 1], 'form', ARGV[3])
    end
    count = count + 1
  end
end
return count
"""
)
"""Like PUBLISH, into the stream alone; ARGV goes on with pairs of seq and payload."""

BEAT = (
    _HEAD
    + """
redis.call('SET', KEYS[3], ARGV[4], 'PX', 5000)
return redis.call('PUBLISH', KEYS[3], ARGV[4])
"""
)
"""KEYS: stream, journal key, heartbeat, which is a channel as well. ARGV: as above, the heartbeat."""

TRIM = """
local max, oldest, forced = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local excess = redis.call('XLEN', KEYS[1]) - max
if excess <= 0 and oldest == 0 then return {0} end
local known = not forced and redis.call('HLEN', KEYS[2]) or 0
if known > 1000 then return {-1, 0, known .. ' readers, too many to look after', '0'} end
if known > 0 then
  local told, lagging = {}, {}
  for i = 4, #ARGV do told[ARGV[i]] = true end
  local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  local safe = math.max(tonumber(string.match(newest[1], '%d+')) - max, oldest - 1)
  local readers = redis.call('HGETALL', KEYS[2])
  for i = 1, #readers, 2 do
    local cursor = tonumber(string.match(readers[i + 1], '^%d+'))
    if cursor and cursor < safe and not told[readers[i]] then
      lagging[#lagging + 1] = {readers[i], cursor}
    end
  end
  if #lagging > 0 then
    local removed, first = 0, oldest
    if oldest > 0 then
      local old = redis.call('XREVRANGE', KEYS[1], string.format('%.0f', oldest - 1), '-', 'COUNT', 1)[1]
      removed = old and tonumber(string.match(old[1], '%d+')) or 0
    end
    if excess > 0 then
      local old = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', excess + 1)
      removed = math.max(removed, tonumber(string.match(old[excess][1], '%d+')))
      first = math.max(first, tonumber(string.match(old[excess + 1][1], '%d+')))
    end
    local passed = {-1, first}
    for _, reader in ipairs(lagging) do
      if reader[2] < removed and #passed < 34 then
        passed[#passed + 1] = reader[1]
        passed[#passed + 1] = string.format('%.0f', reader[2])
      end
    end
    if #passed > 2 then return passed end
  end
end
local removed = 0
if oldest > 0 then removed = redis.call('XTRIM', KEYS[1], 'MINID', ARGV[2]) end
if excess > 0 then removed = removed + redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[1]) end
return {removed}
"""
"""KEYS: stream, readers. ARGV: stream length, the lowest seq that is young enough (0: any), whether
to trim whoever is passed, the names of readers that were told of lately.

Gives how many entries were removed, or -1, the seq that the stream would begin with, and the name
and cursor of each registered reader that this would pass, 16 at most. The stream has at most one
entry a seq, so a reader that is not further back than its length is safe without a look.
"""

CLEAR = """
if redis.call('GET', KEYS[2]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if ARGV[3] == '/' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[3]) end
return redis.call('PUBLISH', KEYS[2], ARGV[2])
"""
"""KEYS: journal key, heartbeat, also a channel. ARGV: this journal and start, the last heartbeat, the
journal without a start: readers still see whose events the stream has.
"""
