/** What the server remembers about sessions: one contract, several stores. @module */
export type { SessionStore, StoreStats, TakeoverListener } from "./types.ts";
export { MemorySessionStore, type MemorySessionStoreOptions } from "./memory.ts";
export { SqliteSessionStore, type SqliteSessionStoreOptions } from "./sqlite.ts";
export { RedisSessionStore, type RedisSessionStoreOptions } from "./redis.ts";
export type { RedisClient, RedisSubscriber } from "./redis_client.ts";
