/** Which server the session manager connects to, when a session has moved. Pure. @module */
import { type Endpoint, formatEndpoint, parseEndpoint } from "../address.ts";
import { FxferError } from "../errors.ts";
import { NotVersion2 } from "./handshake.ts";
import type { ConnectionEnd } from "./requests.ts";

/** How many servers in a row a client follows to before it gives up. */
const MAX_MOVES = 3;

/** How a server answers before a session that another server handed over has arrived. */
const NOT_ARRIVED: ReadonlySet<string> = new Set(["session_unknown", "unauthorized"]);

/** What a refused connect means for where to connect next. */
export type Redirection =
  /** The session is elsewhere: connect there, and show the ticket in place of the token. */
  | { readonly kind: "followed"; readonly ticket: string | undefined }
  | Extract<ConnectionEnd, { readonly kind: "lost" | "fatal" }>;

/**
 * The server to connect to: the one that the program named, or the one that the session has moved to.
 *
 * A server alone cannot move a client. The client follows only to servers that the program trusts, and to
 * three in a row at most, so that two servers cannot send a client back and forth for ever. The client
 * shows each server the ticket that was given for that server, never the token of another server.
 */
export class CurrentServer {
  readonly #home: Endpoint;
  readonly #trusted: ReadonlySet<string>;
  #address: Endpoint;
  /** How often the client has followed since it last found the session. */
  #moves = 0;

  /** @throws {RangeError} If one of `trusted` is not `host:port`. */
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

  /** What a refused connect means for where to connect next; undefined if nothing. */
  redirect(error: FxferError): Redirection | undefined {
    const { code, fields: { address, ticket } } = error;
    if (code === "use_another_server" && address !== undefined) {
      return this.#follow(address, ticket);
    }
    if (this.#moves === 0) return undefined;
    // A client that arrives before its session tries again. So does a client whose new server seems not
    // to speak version 2, because sessions move only to servers that do.
    // A server that is not the right one stays so.
    if (error.fields.reason === "certificate") return undefined;
    if (!NOT_ARRIVED.has(code) && !(error instanceof NotVersion2)) return undefined;
    const message = `Cannot go on: the session has not arrived at ${formatEndpoint(this.#address)}`;
    return { kind: "lost", error: new FxferError("use_another_server", message, { cause: error }) };
  }

  /** Makes the address that a server named the current address, unless the client must not follow. */
  #follow(address: unknown, ticket: unknown): Redirection {
    const endpoint = typeof address === "string" ? parseEndpoint(address) : undefined;
    if (endpoint === undefined) return cannotFollow("the server names no usable address", {});
    const text = formatEndpoint(endpoint);
    if (!this.#trusted.has(text)) {
      const fields = { address: text, trusted: false };
      return cannotFollow(`${text} is not among the trusted servers`, fields);
    }
    if (this.#moves === MAX_MOVES) {
      return cannotFollow(`more than ${MAX_MOVES} servers sent it on`, { address: text });
    }
    this.#moves++;
    this.#address = endpoint;
    return { kind: "followed", ticket: typeof ticket === "string" ? ticket : undefined };
  }

  /** The current server has the session: three more moves are allowed. */
  arrived(): void {
    this.#moves = 0;
  }

  /** The session has ended: a new one is asked for at the server that the program named. */
  restart(): void {
    this.#address = this.#home;
    this.#moves = 0;
  }
}

function cannotFollow(reason: string, fields: Readonly<Record<string, unknown>>): Redirection {
  const message = `Cannot follow session to another server: ${reason}`;
  return { kind: "fatal", error: new FxferError("use_another_server", message, { fields }) };
}
