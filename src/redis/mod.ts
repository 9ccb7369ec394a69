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
 * ## What Redis refuses
 *
 * A refusal means that nothing was written. The store throws `store_unavailable` with Redis's reply as the
 * cause, which the server logs; nothing is sent again, because the client of fxfer sends its frame again.
 *
 * | reply                            | what it means                     | what is done                        |
 * | -------------------------------- | --------------------------------- | ----------------------------------- |
 * | READONLY, MASTERDOWN             | this server is a replica now      | the connection is made anew, by its |
 * |                                  |                                   | name, at most every half second     |
 * | no reply within 4 s              | the machine or the way is gone    | the connection is made anew         |
 * | OOM, MISCONF, NOREPLICAS         | Redis cannot keep more now        | the connection stays                |
 * | LOADING, BUSY, CLUSTERDOWN       | Redis is not ready yet            | the connection stays                |
 * | NOAUTH, WRONGPASS at a connect   | the URL or the server is wrong    | tried again, the reason is logged   |
 * | NOPERM on a channel              | this user may not send messages   | said once; the server looks instead |
 *
 * Whoever asks whether the server is ready learns of all of these but the last: readiness writes.
 *
 * @module
 */
export { type RedisLink } from "./client.ts";
export { connectRedis } from "./connect.ts";
