/**
 * Connections to Redis for the session store: one server, a Cluster, or a master that Sentinels know.
 * They are made here and handed to the store, so that the library itself imports no Redis client.
 *
 * ## What the package may not do
 *
 * The package `redis` is told never to send a command again, and never to queue commands while there is
 * no connection. A save whose reply was lost may have been stored: if the package sent it again, the second
 * reply would report a conflict although the save succeeded. And while a command waited in a queue, so would
 * the sender of the file; a `store_unavailable` at once lets the server answer the sender.
 *
 * For one server the package reconnects by itself and keeps both rules. Its clients for a Cluster and for
 * Sentinel do not: after a failover they send again a command whose reply was lost, or let commands wait
 * for a server that is gone. So renewing_link.ts forbids these clients to repair anything, and replaces a
 * client that has lost a server with a new one.
 *
 * @module
 */
export { type RedisLink } from "./client.ts";
export { connectRedis } from "./connect.ts";
