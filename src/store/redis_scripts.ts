/**
 * The scripts of the Redis store. Redis runs a script as one step, and all keys of a script belong to one
 * session, so that they are in one slot of a Cluster: KEYS[1] is the record, KEYS[2] its kept replies.
 *
 * @module
 */
import { type RedisScript, redisScript } from "./redis_client.ts";

/**
 * Compares the version and stores. The version is the first field of the text, so the script reads only
 * its first bytes, however large the record is. The last ARGV[4] entries of the list are kept.
 */
export const SAVE: RedisScript = redisScript(`
local head = redis.call('GETRANGE', KEYS[1], 0, 31)
local version = head == '' and '0' or string.match(head, '^{"version":(%d+)[,}]')
if not version then return redis.error_reply('FOREIGN value under a session key') end
if version ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[4] == '0' then redis.call('DEL', KEYS[2]) else redis.call('LTRIM', KEYS[2], -ARGV[4], -1) end
if #ARGV > 4 then redis.call('RPUSH', KEYS[2], unpack(ARGV, 5)) end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
`);

/** Reads the record and its list in one step. Instead of a value of another type comes an empty text. */
export const LOAD: RedisScript = redisScript(`
local found = {redis.pcall('GET', KEYS[1]), redis.pcall('LRANGE', KEYS[2], 0, -1)}
for i, instead in ipairs({'', {''}}) do
  local failed = type(found[i]) == 'table' and found[i].err
  if failed and not string.find(failed, 'WRONGTYPE', 1, true) then return found[i] end
  if failed then found[i] = instead end
end
return found
`);

/**
 * Renames a damaged record and its list: they are kept for as long as before. Does nothing if the record
 * has another version than ARGV[1], which is empty if none can be read: then its holder, who has the right
 * record in memory, has saved it meanwhile.
 */
export const SET_ASIDE: RedisScript = redisScript(`
local head = redis.pcall('GETRANGE', KEYS[1], 0, 31)
local version = type(head) == 'string' and string.match(head, '^{"version":(%d+)[,}]') or ''
if version ~= ARGV[1] then return 0 end
for i = 1, 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('RENAME', KEYS[i], KEYS[i + 2]) end
end
return 1
`);

/** Proves that a save would be let through, by writing what vanishes by itself. */
export const PROBE: RedisScript = redisScript("return redis.call('SET', KEYS[1], '', 'PX', 1000)");

/** The time, by the clock of the one server that has the key. */
export const TIME: RedisScript = redisScript(`
return redis.call('TIME')
`);
