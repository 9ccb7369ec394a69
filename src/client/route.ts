/**
 * Which server to connect to: the one the program named, or the one its session has moved to. Pure.
 *
 * A server's word alone takes a client nowhere: it follows only to servers the program trusts, three
 * in a row at most, so two servers that send it to each other do not keep it busy for ever. What it
 * shows at the next one is the ticket it was given for it, never the token of the last.
 *
 * @module
 */
import { type Endpoint, formatEndpoint, parseEndpoint } from "../address.ts";
import { FxferError } from "../errors.ts";
import { NotVersion2 } from "./handshake.ts";
import type { Outcome } from "./items.ts";

/** From the server that was named to the last one that is asked. */
const MAX_HOPS = 3;

/** What a server says to whose session is still on its way to it. */
const NOT_YET: ReadonlySet<string> = new Set(["session_unknown", "unauthorized"]);

/** What a refused connect means for the way. */
export type Turn =
  /** The session is elsewhere: connect there, and show this in place of its token. */
  | { readonly kind: "followed"; readonly ticket: string | undefined }
  /** It may be there later, or never. */
  | Extract<Outcome, { readonly kind: "lost" | "fatal" }>;

/** See the module's text. */
export class Route {
  readonly #home: Endpoint;
  readonly #trusted: ReadonlySet<string>;
  #address: Endpoint;
  /** Servers followed to since one had the session. */
  #hops = 0;

  /** @throws {RangeError} If one of `trusted` is no `host:port`. */
  constructor(home: Endpoint, trusted: readonly string[]) {
    this.#home = this.#address = home;
    this.#trusted = new Set(trusted.map((text) => {
      const endpoint = parseEndpoint(text);
      if (endpoint !== undefined) return formatEndpoint(endpoint);
      throw new RangeError("Cannot connect: trustedServers must be host:port");
    }));
  }

  /** Where to connect to. */
  get address(): Endpoint {
    return this.#address;
  }

  /** What a refused connect means for the way; undefined: nothing. */
  turn(error: FxferError): Turn | undefined {
    const { code, fields: { address, ticket } } = error;
    if (code === "use_another_server" && address !== undefined) {
      const refusal = this.#follow(address);
      if (refusal !== undefined) return { kind: "fatal", error: refusal };
      return { kind: "followed", ticket: typeof ticket === "string" ? ticket : undefined };
    }
    if (this.#hops === 0) return undefined;
    // The client may be faster than its session. The one that sent it here speaks version 2, and so
    // does the one it means.
    if (!NOT_YET.has(code) && !(error instanceof NotVersion2)) return undefined;
    return {
      kind: "lost",
      error: new FxferError(
        "use_another_server",
        `Cannot go on: the session has not arrived at ${formatEndpoint(this.#address)}`,
        { cause: error },
      ),
    };
  }

  /** Goes to the address a server named, or says why not. */
  #follow(address: unknown): FxferError | undefined {
    const endpoint = typeof address === "string" ? parseEndpoint(address) : undefined;
    if (endpoint === undefined) return refusal("the server names no usable address", {});
    const text = formatEndpoint(endpoint);
    if (!this.#trusted.has(text)) {
      return refusal(`${text} is not among the trusted servers`, { address: text, trusted: false });
    }
    if (this.#hops === MAX_HOPS) {
      return refusal(`more than ${MAX_HOPS} servers sent it on`, { address: text });
    }
    this.#hops++;
    this.#address = endpoint;
  }

  /** A server has the session. */
  arrived(): void {
    this.#hops = 0;
  }

  /** The session is no more: the next one is asked for where the program said. */
  restart(): void {
    this.#address = this.#home;
    this.#hops = 0;
  }
}

function refusal(reason: string, fields: Readonly<Record<string, unknown>>): FxferError {
  return new FxferError(
    "use_another_server",
    `Cannot follow session to another server: ${reason}`,
    { fields },
  );
}
