/** A client's key: shown in each connect, and the server's proof that it has the key too (S-KEY). @module */
import { randomBytes } from "node:crypto";
import { type Endpoint, formatEndpoint } from "../address.ts";
import { CODES, FxferError } from "../errors.ts";
import { connectKey, FrameMacs, isRight, type Key, placeOf, seal } from "../keys/mod.ts";
import { encodeRequest, type ReplyFrame, type RequestInit } from "../protocol/mod.ts";
import { formatDuration } from "../text.ts";

/** One connect with a key. */
export class ShownKey {
  readonly #key: Key;
  readonly #nonce = randomBytes(16).toString("base64url");

  constructor(key: Key) {
    this.#key = key;
  }

  /** The connect as bytes, with `auth`. */
  encode(request: RequestInit): Uint8Array {
    const { name: key, secret } = this.#key;
    const auth = { key, nonce: this.#nonce, time: Date.now() };
    return seal(encodeRequest({ ...request, auth }), connectKey(secret, "client"));
  }

  /**
   * Makes sure that a reply is of a server that has the key. A refusal may come without that proof, because
   * nothing follows from it but that the client stops, or tries again later.
   *
   * @throws {FxferError} `unauthorized`: somebody else answers, or changes what the server says (S-KEY-4).
   */
  check({ header, body, signed }: ReplyFrame, server: Endpoint): void {
    const { mac } = header.session;
    const key = connectKey(this.#key.secret, "server");
    if (mac !== undefined && signed !== undefined) {
      if (isRight(key, signed, mac, placeOf(mac, signed), this.#nonce)) return;
    } else {
      const { class: codeClass } = CODES[body.code];
      if (codeClass === "fatal" || codeClass === "retry") return;
    }
    throw new FxferError(
      "unauthorized",
      `Cannot connect to ${
        formatEndpoint(server)
      }: whoever answers there does not have the key of ` +
        `${this.#key.name} (is it the right server, and are keys set up there?)`,
    );
  }

  /** The codes of the frames after the connect; undefined where the server's terms ask for none. */
  macsOf({ mac, challenge }: ReplyFrame["body"]): FrameMacs | undefined {
    if (mac !== true || typeof challenge !== "string") return undefined;
    // Both ends have sent one frame: the connect and its reply.
    return new FrameMacs(this.#key.secret, { nonce: this.#nonce, challenge }, "client", 1, 1);
  }

  /** How far this machine's clock is off, in words; empty where the reply does not say it. */
  clockWords({ server_time: time }: ReplyFrame["body"]): string {
    if (typeof time !== "number") return "";
    const seconds = Math.round((Date.now() - time) / 1000);
    const side = seconds < 0 ? "behind" : "ahead of";
    return `this machine's clock is ${formatDuration(Math.abs(seconds))} ${side} the server's`;
  }
}
