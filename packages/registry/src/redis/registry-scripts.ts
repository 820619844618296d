/*
 * KEYS of all scripts:
 *   [1] hash: id -> the instance without its load, and its lease, as JSON
 *   [2] hash: id -> the number of renewals, a space, and the load as JSON
 *   [3] the revision, a space, and the first revision: a flush is told by another first one
 *   [4] stream of changes; the id of an entry is <revision>-0
 * ARGV[1] of all scripts: the channel that wakes readers
 */

/** Moves to the next revision. It begins with the clock in ms, so that it grows over a flush as well. */
const NEXT = `
local function next_revision()
  local before, first = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+) (%d+)$')
  local revision
  if before then
    revision = tonumber(before) + 1
  else
    local time = redis.call('TIME')
    revision = time[1] * 1000 + math.floor(time[2] / 1000)
    first = string.format('%d', revision)
  end
  redis.call('SET', KEYS[3], string.format('%d', revision) .. ' ' .. first)
  return revision
end

local function record(kind, id, text)
  local revision = next_revision()
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, string.format('%d-0', revision), 'kind', kind, 'id', id, 'text', text)
  redis.call('PUBLISH', ARGV[1], string.format('%d', revision))
  return revision
end
`;

/**
 * ARGV[2] id
 * ARGV[3] instance as JSON
 * ARGV[4] load as JSON
 */
const ANNOUNCE = `${NEXT}
local id, text = ARGV[2], ARGV[3]
local renewals = tonumber(string.match(redis.call('HGET', KEYS[2], id) or '0', '^%d+')) + 1
redis.call('HSET', KEYS[2], id, renewals .. ' ' .. ARGV[4])
if redis.call('HGET', KEYS[1], id) == text then
  return 0
end
redis.call('HSET', KEYS[1], id, text)
return record('put', id, text)
`;

/** ARGV[2] id */
const LEAVE = `${NEXT}
local id = ARGV[2]
redis.call('HDEL', KEYS[2], id)
if redis.call('HDEL', KEYS[1], id) == 0 then
  return 0
end
return record('remove', id, '')
`;

/**
 * Removes an instance whose lease a reader saw end, unless it was renewed meanwhile.
 * ARGV[2] id
 * ARGV[3] the value of its renewals that the reader saw last
 */
const EXPIRE = `${NEXT}
local id = ARGV[2]
if (redis.call('HGET', KEYS[2], id) or '') ~= ARGV[3] then
  return 0
end
redis.call('HDEL', KEYS[2], id)
redis.call('HDEL', KEYS[1], id)
return record('remove', id, '')
`;

/**
 * After a flush: puts back what a reader knew, so that leases end in order and nothing is emptied.
 * ARGV[2] the newest revision that the reader knows: later ones are greater, even if the clock was set back
 * ARGV[3…] id, instance as JSON, and so on
 * Returns the revision, or 0 if nothing was missing
 */
const RESTORE = `${NEXT}
local newest = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+) ')
local raised = not newest or tonumber(newest) <= tonumber(ARGV[2])
if raised then
  local first = string.format('%d', tonumber(ARGV[2]) + 1)
  redis.call('DEL', KEYS[4])
  redis.call('SET', KEYS[3], first .. ' ' .. first)
end
local restored = raised and 1 or 0
for index = 3, #ARGV, 2 do
  restored = restored + redis.call('HSETNX', KEYS[1], ARGV[index], ARGV[index + 1])
  redis.call('HSETNX', KEYS[2], ARGV[index], '0 null')
end
if restored == 0 then
  return 0
end
return record('restore', '', '')
`;

/** ARGV[2] event as JSON */
const EVENT = `${NEXT}
return record('event', '', ARGV[2])
`;

/**
 * Runs the commands of the other scripts, on keys of its own: KEYS[1] a hash, KEYS[2] a stream.
 * ARGV[1] the channel. Its message is the revision 0, which no reader waits for.
 */
const CHECK = `
-- A check that was refused half way has left its keys.
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'check', '1')
redis.call('HGET', KEYS[1], 'check')
redis.call('HSETNX', KEYS[1], 'check', '1')
redis.call('HDEL', KEYS[1], 'check')
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1, '*', 'check', '1')
redis.call('TIME')
redis.call('PUBLISH', ARGV[1], '0')
redis.call('SET', KEYS[1], '1')
redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2])
return 1
`;

export const REGISTRY_SCRIPTS = {
  checkRegistry: { numberOfKeys: 2, lua: CHECK },
  announceInstance: { numberOfKeys: 4, lua: ANNOUNCE },
  removeInstance: { numberOfKeys: 4, lua: LEAVE },
  expireInstance: { numberOfKeys: 4, lua: EXPIRE },
  restoreInstances: { numberOfKeys: 4, lua: RESTORE },
  recordEvent: { numberOfKeys: 4, lua: EVENT },
} as const;

type Keys = [instances: string, renewals: string, revision: string, changes: string];

/** The commands that {@link REGISTRY_SCRIPTS} defines on a client. Each returns a revision, or 0 if nothing changed. */
export interface RegistryScripts {
  checkRegistry(hash: string, stream: string, channel: string): Promise<number>;
  announceInstance(
    ...args: [...Keys, channel: string, id: string, text: string, load: string]
  ): Promise<number>;
  removeInstance(...args: [...Keys, channel: string, id: string]): Promise<number>;
  expireInstance(...args: [...Keys, channel: string, id: string, renewals: string]): Promise<number>;
  restoreInstances(
    ...args: [...Keys, channel: string, known: string, ...instances: string[]]
  ): Promise<number>;
  recordEvent(...args: [...Keys, channel: string, event: string]): Promise<number>;
}
