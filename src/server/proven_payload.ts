/**
 * A payload whose frame says its digest, under the frame's own code (S-MAC-1): nothing of it counts unless
 * all of it is right.
 *
 * A part of a file in a session would count as soon as it is saved, so it is held in memory until it is
 * proven. A file that stands alone counts when it is whole; its bytes are handed on as they come, and the
 * last step fails.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { FxferError } from "../errors.ts";
import { ComputedDigest, type Payload, type Request } from "../handler/mod.ts";
import type { TransferRequest } from "../protocol/mod.ts";
import { PayloadAround } from "./payload_around.ts";

/** The largest payload of a frame in a session that carries a code: it is held in memory. */
export const MAX_PROVEN_BYTES: number = 1024 * 1024;

/** The payload of a transfer under a code. @throws {FxferError} `invalid_field`, `too_large`. */
function provenPayload({ header, data }: TransferRequest, payload: Payload): Payload {
  const { payloadSha256: wanted } = data;
  if (header.size === 0) return payload;
  if (wanted === undefined) {
    const text = "Cannot take payload: under a mac its frame must say payload_sha256";
    throw new FxferError("invalid_field", text, { fields: { field: "payload_sha256" } });
  }
  if (header.session.mode === "stateless") return new CheckedPayload(payload, wanted);
  if (header.size > MAX_PROVEN_BYTES) {
    throw new FxferError("too_large", "Cannot take frame: too large to be checked in one piece", {
      fields: { limit: MAX_PROVEN_BYTES },
    });
  }
  return new HeldPayload(payload, wanted);
}

/** The request with its payload as {@linkcode provenPayload} hands it out. */
export function provenRequest(request: Request): Request {
  if (request.version === 1 || request.frame.action !== "transfer") return request;
  return { ...request, payload: provenPayload(request.frame, request.payload) };
}

function mismatch(): FxferError {
  return new FxferError("checksum_mismatch", "Cannot take payload: it was changed on its way", {
    fields: { field: "payload_sha256" },
  });
}

/** Hands out nothing before it has all of it. */
class HeldPayload extends PayloadAround {
  readonly #wanted: string;
  digest: Payload["digest"];
  #all: Uint8Array | Promise<Uint8Array> | undefined;
  #ended = false;

  constructor(inner: Payload, wanted: string) {
    super(inner);
    this.#wanted = wanted;
  }

  /** At once, if the bytes are here. */
  override whole(): Uint8Array | Promise<Uint8Array> {
    this.#ended = true;
    if (this.#all === undefined) {
      const bytes = this.inner.whole();
      if (bytes === undefined || bytes instanceof Promise) this.#all = this.#gather(bytes);
      else this.#all = this.#check(bytes);
    }
    return this.#all;
  }

  override async next(): Promise<Uint8Array | undefined> {
    const ended = this.#ended;
    // After a whole() that failed, the same error; after one that did not, the end.
    const bytes = await this.whole();
    return ended ? undefined : bytes;
  }

  async #gather(coming: Promise<Uint8Array | undefined> | undefined): Promise<Uint8Array> {
    return this.#check(await coming ?? await gather(this.inner));
  }

  #check(bytes: Uint8Array): Uint8Array {
    this.digest = digestOf(bytes, this.#wanted);
    return bytes;
  }
}

/** The digest of a payload that is whole. @throws {FxferError} `checksum_mismatch` if it is not the wanted one. */
function digestOf(bytes: Uint8Array, wanted: string): ComputedDigest {
  const digest = new ComputedDigest(bytes);
  if (digest.of(bytes) !== wanted) throw mismatch();
  return digest;
}

async function gather(payload: Payload): Promise<Uint8Array> {
  const all = new Uint8Array(payload.size);
  let at = 0;
  for (let bytes = await payload.next(); bytes !== undefined; bytes = await payload.next()) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}

/** Hands out bytes as they come, and fails at the end if they were others. */
class CheckedPayload extends PayloadAround {
  readonly #wanted: string;
  digest: Payload["digest"];
  readonly #hash = createHash("sha256");
  #ended = false;

  constructor(inner: Payload, wanted: string) {
    super(inner);
    this.#wanted = wanted;
  }

  override whole(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const whole = this.inner.whole();
    return whole instanceof Promise
      ? whole.then((bytes) => this.#check(bytes))
      : this.#check(whole);
  }

  #check(bytes: Uint8Array | undefined): Uint8Array | undefined {
    if (bytes === undefined) return undefined;
    this.#ended = true;
    this.digest = digestOf(bytes, this.#wanted);
    return bytes;
  }

  override async next(): Promise<Uint8Array | undefined> {
    const bytes = await this.inner.next();
    if (bytes !== undefined) this.#hash.update(bytes);
    else if (!this.#ended) this.#end();
    return bytes;
  }

  #end(): void {
    this.#ended = true;
    if (this.#hash.digest("hex") !== this.#wanted) throw mismatch();
  }
}
