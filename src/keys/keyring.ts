/** The keys that a server knows, and the proof that a client has one of them (S-KEY-2 to S-KEY-6). @module */
import { randomBytes } from "node:crypto";
import { FxferError } from "../errors.ts";
import type { KeyLine } from "./key_file.ts";
import type { UserLedger } from "./ledger.ts";
import { connectKey, type CoveredBytes, isRight, type MacKey, placeOf } from "./mac.ts";
import type { User } from "./rights.ts";

/** How far a client's clock may be off, in milliseconds (S-KEY-3).
 * @category Keys */
export const CLOCK_TOLERANCE_MS = 300_000;

/** What a frame carries to show whose it is (S-KEY-2), without its mac.
 * @category Keys */
export interface AuthFields {
  /** The key's name. */
  readonly key: string;
  /** 16 random bytes in base64url. */
  readonly nonce: string;
  /** Milliseconds since 1970 by the client's clock. */
  readonly time: number;
}

/** One secret of a user, with the keys that are derived from it. */
interface Secret {
  readonly bytes: Uint8Array;
  readonly ofClient: MacKey;
  readonly ofServer: MacKey;
  readonly until: number;
}

interface Entry {
  readonly user: User;
  /** The user's key and the one before it; there are always two, so that both cost the same time. */
  readonly secrets: readonly Secret[];
}

/** What a frame has proven: whose it is, and which secret both ends have.
 * @category Keys */
export interface Proof {
  /** Whose frame it is. */
  readonly user: User;
  /** The secret that both ends have. */
  readonly secret: Uint8Array;
  /** For the reply to the frame (S-KEY-4). */
  readonly replyKey: MacKey;
}

function secretOf(bytes: Uint8Array, until = Infinity): Secret {
  return {
    bytes,
    ofClient: connectKey(bytes, "client"),
    ofServer: connectKey(bytes, "server"),
    until,
  };
}

/** A secret that nobody has. */
const decoy = (): Secret => secretOf(new Uint8Array(randomBytes(32)), -Infinity);

/**
 * The keys of a server. They may be replaced while it runs.
 *
 * @example A server with a user, and a client with that user's key
 * ```ts
 * import { connect, DiskStorage, formatKey, GRANTS, Keyring, newKey, serve } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * const key = newKey("alice");
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   const keys = new Keyring([{ key, can: GRANTS, limits: {} }]);
 *   await using server = serve({ storage, port: 0, security: { keys } });
 *   await using client = await connect({ port: server.addr.port, key: formatKey(key) });
 *   console.assert((await client.send(new TextEncoder().encode("hello"))).confirmed);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 * @category Keys
 */
export class Keyring {
  #entries: ReadonlyMap<string, Entry> = new Map();
  /** Stands for every name that is not known. */
  readonly #nobody: Entry = {
    user: { name: "", can: [], limits: {} },
    secrets: [decoy(), decoy()],
  };
  readonly #changed = new Set<() => void>();

  /** Starts with the keys of a file. */
  constructor(lines: readonly KeyLine[] = []) {
    this.replace(lines);
  }

  /** How many users there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** All users, as the keys say now. */
  users(): readonly User[] {
    return [...this.#entries.values()].map(({ user }) => user);
  }

  /** Puts other keys in place of all, and tells those who listen. */
  replace(lines: readonly KeyLine[]): void {
    this.#entries = new Map(lines.map(({ key: { name, secret }, can, limits, until, old }) => {
      const before = old === undefined
        ? decoy()
        : secretOf(old.secret, Math.min(old.until, until ?? Infinity));
      return [name, { user: { name, can, limits }, secrets: [secretOf(secret, until), before] }];
    }));
    for (const listener of this.#changed) listener();
  }

  /** Calls `listener` whenever the keys were replaced. */
  onChange(listener: () => void): Disposable {
    this.#changed.add(listener);
    return { [Symbol.dispose]: () => void this.#changed.delete(listener) };
  }

  /** The user as the keys say now; undefined if the secret is no longer valid (S-KEY-6). */
  current(
    { user: { name }, secret }: Pick<Proof, "user" | "secret">,
    now: number,
  ): User | undefined {
    const entry = this.#entries.get(name);
    const valid = entry?.secrets.some(({ bytes, until }) =>
      now < until && bytes.every((byte, at) => byte === secret[at])
    );
    return valid ? entry!.user : undefined;
  }

  /**
   * Whose frame this is, by its MAC alone. The same work is done for a name that is not known.
   *
   * @throws {FxferError} `unauthorized`, whatever was wrong; `malformed_header` (S-KEY-2).
   */
  prove(auth: AuthFields, mac: string, signed: CoveredBytes, now: number): Proof {
    const at = placeOf(mac, signed);
    const { user, secrets } = this.#entries.get(auth.key) ?? this.#nobody;
    let proof: Proof | undefined;
    for (const { bytes, ofClient, ofServer, until } of secrets) {
      const right = isRight(ofClient, signed, mac, at) && now < until;
      if (right) proof = { user, secret: bytes, replyKey: ofServer };
    }
    if (proof !== undefined) return proof;
    throw new FxferError("unauthorized", "Cannot serve request: no valid key");
  }
}

/**
 * Refuses a frame whose time is wrong, or that was seen before (S-KEY-3). Its MAC was right.
 *
 * @throws {FxferError} `clock_skew` with `server_time`; `replay_detected`; `busy`.
 */
export function mustBeNew(
  { key, nonce, time }: AuthFields,
  ledger: UserLedger,
  now: number,
): void | Promise<void> {
  if (Math.abs(time - now) > CLOCK_TOLERANCE_MS) {
    const text = "Cannot serve request: the clocks of client and server are too far apart";
    throw new FxferError("clock_skew", text, { fields: { server_time: now } });
  }
  if (time < ledger.since) {
    // What was seen before the register began is not known.
    throw new FxferError("busy", "Cannot serve request: it may be older than this server", {
      fields: { retry_after_ms: ledger.since - time },
    });
  }
  const isNew = ledger.takeNonce(key, nonce, time + CLOCK_TOLERANCE_MS, now);
  if (isNew instanceof Promise) return isNew.then(mustBeTrue);
  mustBeTrue(isNew);
}

function mustBeTrue(isNew: boolean): void {
  if (!isNew) throw new FxferError("replay_detected", "Cannot serve request: it was sent before");
}
