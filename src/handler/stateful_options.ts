/** The terms of stateful mode. @module */
import {
  DEFAULT_MAX_INFLIGHT,
  DEFAULT_MAX_REQUEST_SIZE,
  DEFAULT_MAX_UNANSWERED_BYTES,
} from "../protocol/mod.ts";
import type { IpBinding } from "../session/mod.ts";
import type { Quotas } from "./quotas.ts";
import type { Telling } from "./tell.ts";

/** Terms of stateful mode. Durations in milliseconds, sizes in bytes.
 * @category Server */
export interface StatefulOptions extends Telling {
  /** The name of this server process: unique among those that share a store. */
  readonly instance: string;
  /** How long a detached session is kept (E) that has no open file. A client may ask for less. */
  readonly sessionTimeoutMs: number;
  /** How long one with an open file is kept, if that is longer. A client may ask for less. */
  readonly partialTimeoutMs: number;
  /** How many sessions may live, attached and detached. */
  readonly maxSessions: number;
  /** Live sessions of one address, in IPv6 of one /64; absent for no limit but that of all. */
  readonly maxSessionsPerAddress?: number | undefined;
  /** Keep-alive (K). A client may ask for less. */
  readonly keepaliveMs: number;
  /** Frames a client may have unanswered; as many replies are kept (R). */
  readonly maxInflight: number;
  /** Bytes of payload that a client far away may have unanswered, 8 MiB or more. */
  readonly maxUnansweredBytes: number;
  /** The largest payload of one frame. */
  readonly maxRequestSize: number;
  /** The largest file; 0 for no limit. */
  readonly maxUploadSize: number;
  /** What one session may store in all; 0 for no limit. */
  readonly sessionQuota: number;
  /** How closely a client's address must match when it has no token (S-CON-5). */
  readonly ipBinding: IpBinding;
  /** Admits the creation of a session or throws `rate_limited`. */
  readonly admitSession: (clientAddress: string) => void;
  /** Is told how many sessions are alive, and admits one more or throws `busy`. */
  readonly admitLoad: (live: number) => void;
  /** Whether there is a stateless mode to fall back to (S-DEG-1). */
  readonly offersStateless: boolean;
  /** Counts what users store. @default nobody counts */
  readonly quotas?: Quotas;
  /** Milliseconds since the epoch, by a clock that all servers of the store share. */
  readonly now: () => number;
}

/** The terms that can change while a server runs.
 * @category Server */
export type StatefulChange = Partial<
  Pick<
    StatefulOptions,
    | "sessionTimeoutMs"
    | "partialTimeoutMs"
    | "maxSessions"
    | "maxSessionsPerAddress"
    | "keepaliveMs"
    | "maxRequestSize"
    | "maxUploadSize"
    | "sessionQuota"
    | "offersStateless"
  >
>;

/** The defaults: those of the documented configuration.
 * @category Server */
export const DEFAULT_STATEFUL_OPTIONS: StatefulOptions = {
  instance: "fxfer",
  sessionTimeoutMs: 300_000,
  partialTimeoutMs: 86_400_000,
  maxSessions: 50,
  keepaliveMs: 30_000,
  maxInflight: DEFAULT_MAX_INFLIGHT,
  maxUnansweredBytes: DEFAULT_MAX_UNANSWERED_BYTES,
  maxRequestSize: DEFAULT_MAX_REQUEST_SIZE,
  maxUploadSize: 0,
  sessionQuota: 0,
  ipBinding: "strict",
  admitSession: () => {},
  admitLoad: () => {},
  offersStateless: true,
  now: Date.now,
};
