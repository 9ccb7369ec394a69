/** What the server remembers about sessions: one contract, several stores. @module */
export type { SessionStore, StoreStats } from "./types.ts";
export { MemorySessionStore, type MemorySessionStoreOptions } from "./memory.ts";
export { SqliteSessionStore, type SqliteSessionStoreOptions } from "./sqlite.ts";
