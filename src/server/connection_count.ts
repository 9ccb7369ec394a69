/** How many connections are open, where several servers share one limit. @module */

/**
 * Counts the open connections of servers that listen on one port, so that `maxConnections` holds for
 * all of them together. Two that accept at the same instant may both find the last place free.
 * @category Server
 */
export interface ConnectionCount {
  /** Open connections of all servers. */
  readonly total: number;
  /** Says that this server has one more, or one less. */
  add(change: 1 | -1): void;
}
