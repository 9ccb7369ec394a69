/** What a client may do, and within which limits. @module */

/** What can be allowed to a user; `all` adds the files of other users to what the others allow.
 * @category Keys */
export type Grant = "put" | "get" | "list" | "remove" | "all";

/** All that can be allowed.
 * @category Keys */
export const GRANTS: readonly Grant[] = ["put", "get", "list", "remove", "all"];

/** What a key may that names no rights: everything with its user's own files. */
export const OWN_FILES: readonly Grant[] = ["put", "get", "list", "remove"];

/** What one user may use up; an absent limit is none.
 * @category Keys */
export interface UserLimits {
  /** Bytes stored in all. */
  readonly bytes?: number;
  /** Files stored in all. */
  readonly files?: number;
  /** Payload bytes a second, in each direction, for all connections of the user to one server process. */
  readonly rate?: number;
  /** Connections open at once to one server process. */
  readonly connections?: number;
  /** Sessions alive at once, in all servers that share a store. */
  readonly sessions?: number;
}

/** One user of a server.
 * @category Keys */
export interface User {
  /** The name in keys, manifests, logs and sessions. */
  readonly name: string;
  /** What the user may do. */
  readonly can: readonly Grant[];
  /** What the user may use up. */
  readonly limits: UserLimits;
}
