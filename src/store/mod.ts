/**
 * What a server remembers about sessions: one contract, and stores that keep it.
 *
 * types.ts is the contract, {@linkcode SessionStore}. The memory store is the fastest, and its sessions end
 * with the process; in shared memory (shared.ts) several workers of one process have them. SQLite keeps them in one file for the processes of one machine. Redis keeps them for
 * servers on any machine, and tells each of them when another one takes a session over.
 *
 * ## A store of your own
 *
 * Five methods and two facts, in this order; after each step the suite tells what is still missing:
 *
 * 1. `kind`, a word for logs; `persistent`, whether records outlive the process. A store that says it is
 *    not persistent promises that its saves neither fail nor wait.
 * 2. `load` and `save`. A record is plain data: text, numbers, arrays, null, at most some megabytes. `save`
 *    compares and sets in one atomic step: it stores version n only if version n - 1 is kept, or none is kept
 *    and n is 1. All safety of sessions rests on it: that one of two servers wins, that a frame runs once
 *    (S-SEQ), that a displaced holder stops (S-TAKE-2). A lock around the whole store is not needed. With a
 *    new record comes a limit of live sessions, which the same step keeps.
 * 3. `delete`, `list` and `stats`. The sweeper walks `list` every few seconds, so it must not hold all records
 *    in memory, nor block writers. `stats` is asked at each connect, so it must not walk them. A damaged
 *    record is set aside by `list`, and told; damaged.ts has what is needed for records that are kept as JSON.
 * 4. `check`, if a save can fail while reading still works: a full disk, a replica. It writes.
 * 5. `announce` and `watch`, if the store can send messages between servers. They are a hint that makes
 *    takeovers quick (S-TAKE-3); messages may be lost.
 * 6. Errors: where the store cannot tell, it throws `store_unavailable` with its cause. The server answers
 *    with this code, and the client tries again (S-DEG-2). If the store guessed instead, a file might be
 *    stored twice, or never. A wait must not stand in the way of the rest of the process.
 *
 * Run `tests/store_suite.ts` on your store: a test file calls `storeSuite(name, factory, options)`. `gaps` names what
 * the store cannot do, each with the reason: `shared` (no second process can open the data), `persistent`,
 * `damage` (nobody else can change a record) and `check`.
 * `tests/examples/notifying_store.ts` is an example that wraps the memory store; memory.ts is the shortest
 * store from scratch.
 *
 * ## Decisions, and what was not chosen
 *
 * - A record is saved as one text, not as columns: only its version, its end and its id are ever asked for,
 *   and a new field of a record needs no new schema.
 * - The versioned save replaces a lock. A lock needs a holder, a timeout and a rule for a holder that died.
 *   With versions the slower of two writers learns that it was slower, even if the faster has died (S-TAKE-6).
 * - SQLite works synchronously through `node:sqlite`, which needs no native download: a save takes well under
 *   a millisecond, less than the way to a worker and back. What takes longer is a lock of another process,
 *   and for that the calls wait in turns, without SQLite (sqlite_handle.ts). A disk that stands still, or
 *   durability `durable` on a slow one, does keep the process waiting.
 * - Saves that several sessions ask for in one turn share a transaction: with 50 sessions at a time a
 *   save takes a tenth less of the processor. If one of them cannot be saved, each is saved alone.
 * - Processes on one SQLite file share one time, which they carry on from beat to beat (sqlite_clock.ts), at
 *   one small write a second each. The wall clock alone would do for one host, if nobody ever set it while
 *   servers run, and each server read it in the same way.
 * - In Redis the kept replies are a list of their own, because a save would send all of them again for each new
 *   one; a save sends those of the frames that it covers (stored_rings.ts). Sets of ids beside the records make `list` and `stats` cheap; SCAN would
 *   walk everything else in that Redis, too (redis_index.ts).
 * - The library imports no Redis client: a store takes any that has one method ({@linkcode RedisClient}).
 *
 * @module
 */
export type { SessionStore, StoreStats, TakeoverListener, TakeoverWatch } from "./types.ts";
export { MemorySessionStore, type MemorySessionStoreOptions } from "./memory.ts";
export { createSharedSessions, type SharedSessions, SharedSessionStore } from "./shared.ts";
export { SqliteSessionStore } from "./sqlite.ts";
export type { SqliteSessionStoreOptions } from "./sqlite_file.ts";
export { RedisSessionStore, type RedisSessionStoreOptions } from "./redis.ts";
export type { RedisClient, RedisSubscriber } from "./redis_client.ts";
