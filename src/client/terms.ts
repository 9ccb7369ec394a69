/** What a server says of itself at a connect, and of a session at its end. @module */

/** What the server promised at connect (S-CON-6), in its units.
 * @category Client */
export interface Terms {
  /** In seconds; a connection without a byte for 1.5 times this counts as lost. */
  readonly keepaliveS: number;
  /** How long the session outlives its connection, in seconds. */
  readonly sessionExpiryS: number;
  /** The same while a file is open, in seconds. */
  readonly partialExpiryS: number;
  /** Requests that may be unanswered at a time. */
  readonly maxInflight: number;
  /** Bytes of payload that may be unanswered at a time; absent if the server offers none beyond 8 MiB (S-SEQ-6). */
  readonly maxUnansweredBytes?: number;
  /** Bytes; `maxUploadSize` 0 means no limit. */
  readonly limits: {
    readonly maxRequestSize: number;
    readonly maxUploadSize: number;
    readonly checkpointBytes: number;
  };
  /** What the server says of itself, by its wire names. */
  readonly server: Readonly<Record<string, unknown>>;
  /** 32 random bytes, base64url; absent if the server gave none. */
  readonly challenge?: string;
  /** What the server offers besides version 2.0 (S-FEA-1). */
  readonly features: readonly string[];
  /** What this client may do, of `put`, `get`, `list` and `remove`; absent if the server does not say (S-FEA-2). */
  readonly may?: readonly string[];
  /** What this client may store in all, and has stored; absent where there is no quota (S-FEA-2). */
  readonly quota?: Readonly<Record<string, unknown>>;
  /** Whether every frame carries a code (S-MAC-1). */
  readonly mac: boolean;
}

/** What a session did in all, as the server counted it.
 * @category Client */
export interface SessionTotals {
  /** Files stored. */
  readonly files: number;
  /** Bytes of those files. */
  readonly bytes: number;
  /** Requests that used up a sequence number. */
  readonly messages: number;
  /** From the session's creation to its end, in milliseconds. */
  readonly durationMs: number;
}
