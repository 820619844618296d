/**
 * The beginning of both scripts: it reads and writes the counts of one scope.
 *
 * A scope's counts: `m` and `d` are windows of a minute and a day, each [index, current count, count before]; `s` maps
 * the day on which bytes were stored to their number. Text that is no such object counts as no counts.
 */
const PRELUDE = `
local MINUTE, DAY = 60000, 86400000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local today = math.floor(now / DAY)

local function window(counts, length)
  local index = math.floor(now / length)
  if type(counts) ~= 'table' or type(counts[1]) ~= 'number' then return {index, 0, 0} end
  if counts[1] == index then return counts end
  return {index, 0, counts[1] == index - 1 and counts[2] or 0}
end

local function count_of(counts, length)
  return counts[2] + counts[3] * (1 - (now % length) / length)
end

local function is_stored(day, lifespan)
  return not lifespan or today - day <= lifespan
end

local function read(key, lifespan)
  local raw = redis.pcall('GET', key)
  local ok, usage = pcall(cjson.decode, type(raw) == 'string' and raw or '{}')
  if not ok or type(usage) ~= 'table' then usage = {} end
  local stored = {}
  for day, bytes in pairs(type(usage.s) == 'table' and usage.s or {}) do
    if is_stored(tonumber(day), lifespan) then stored[day] = bytes end
  end
  return { m = window(usage.m, MINUTE), d = window(usage.d, DAY), s = stored }
end

local function add(key, usage, lifespan, copies, day_bytes, stored_bytes, stored_at)
  usage.m[2] = usage.m[2] + copies
  usage.d[2] = math.max(0, usage.d[2] + day_bytes)
  local day = lifespan and tostring(math.floor((stored_at or now) / DAY)) or '0'
  usage.s[day] = math.max(0, (usage.s[day] or 0) + stored_bytes)
  local life = lifespan and math.max(2, lifespan + 2) * DAY or 400 * DAY
  redis.call('SET', key, cjson.encode(usage), 'PX', string.format('%.0f', life))
end
`;

/**
 * Reserves a copy; see BudgetLedger.reserve.
 *
 * KEYS    the scopes
 * ARGV[1] bytes
 * then for each scope: copiesPerMinute, bytesPerDay, bytesStored, lifespanDays; each empty if there is none
 * Returns {0, 0, 0} if reserved; else {number of the scope, number of the budget, 1 if nothing is left}, numbers from 1
 */
const RESERVE = `${PRELUDE}
local bytes = tonumber(ARGV[1])
local usages = {}
for number, key in ipairs(KEYS) do
  local first = 2 + (number - 1) * 4
  local lifespan = tonumber(ARGV[first + 3])
  local usage = read(key, lifespan)
  local stored = 0
  for _, each in pairs(usage.s) do stored = stored + each end
  local used = {count_of(usage.m, MINUTE), count_of(usage.d, DAY), stored}
  for budget = 1, 3 do
    local limit = tonumber(ARGV[first + budget - 1])
    local wanted = budget == 1 and 1 or math.max(1, bytes)
    if limit and used[budget] + wanted > limit then
      return {number, budget, used[budget] + 1 > limit and 1 or 0}
    end
  end
  usages[number] = usage
end
for number, key in ipairs(KEYS) do
  add(key, usages[number], tonumber(ARGV[2 + (number - 1) * 4 + 3]), 1, bytes, bytes, nil)
end
return {0, 0, 0}
`;

/**
 * Corrects reservations; see BudgetLedger.adjust.
 *
 * KEYS    the scopes
 * ARGV[1] bytes of the day
 * ARGV[2] bytes stored
 * ARGV[3] when they were stored, in ms since 1970; empty for now
 * then for each scope: lifespanDays; empty if there is none
 * Returns 1
 */
const ADJUST = `${PRELUDE}
for number, key in ipairs(KEYS) do
  local lifespan = tonumber(ARGV[3 + number])
  add(key, read(key, lifespan), lifespan, 0, tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]))
end
return 1
`;

export const BUDGET_SCRIPTS = {
  reserveBudget: { lua: RESERVE },
  adjustBudget: { lua: ADJUST },
} as const;

type Arguments = [keys: number, ...keysAndArguments: (string | number)[]];

/** The commands that {@link BUDGET_SCRIPTS} defines on a client, with the types of their replies. */
export interface BudgetScripts {
  reserveBudget(...args: Arguments): Promise<[scope: number, budget: number, spent: 0 | 1]>;
  adjustBudget(...args: Arguments): Promise<1>;
}
