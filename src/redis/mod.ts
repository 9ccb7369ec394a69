/**
 * Connections to Redis for the session store: one server, a Cluster, or a master that Sentinels know.
 * They are made here and handed to the store, so that the library itself imports no Redis client.
 *
 * @module
 */
export { type RedisLink } from "./client.ts";
export { connectRedis } from "./connect.ts";
