/** Who is at the other end of a connection, and what that client may do. @module */
import { FxferError } from "../errors.ts";
import type { UserLimits } from "../keys/mod.ts";

/** Something that a client may be allowed to do with files: store, fetch, list or remove them (S-FEA-2).
 * @category Server */
export type Right = "put" | "get" | "list" | "remove";

/** All rights, in the order in which clients are told them. */
export const RIGHTS: readonly Right[] = ["put", "get", "list", "remove"];

/** Who a client is, and what it may do (S-ACT-2).
 * @category Server */
export interface Identity {
  /** The user whose key the client has shown; absent for a client without a key. */
  readonly user?: string;
  /** What the client may do. */
  readonly may: ReadonlySet<Right>;
  /** Whether the client sees the files of all users, and not only those of its own. */
  readonly all: boolean;
  /** What the user may use up; absent for a client without a key. */
  readonly limits?: UserLimits;
}

/** What clients without a key may do unless the server is told otherwise. */
export const DEFAULT_ANONYMOUS: readonly Right[] = ["put"];

/** A client without a key, which may do this. */
export const anonymous = (may: readonly Right[] = DEFAULT_ANONYMOUS): Identity => ({
  may: new Set(may),
  all: false,
});

/** S-ACT-2: throws `forbidden` unless the client may do this. */
export function mustMay({ may }: Identity, right: Right): void {
  if (!may.has(right)) {
    throw new FxferError("forbidden", `Cannot serve request: no right to ${right}`);
  }
}
