/** How a client makes sure that it speaks to the right server (S-TLS-2). @module */
import { type Endpoint, formatEndpoint } from "../address.ts";
import { isPin } from "../server_url.ts";
import { unlessAborted } from "../within.ts";
import { ALPN } from "./alpn.ts";
import { writePem } from "./der.ts";
import { faultOf, listOf, refused } from "./faults.ts";
import { type Certificate, nameOfPin, readCertificate, readCertificates } from "./x509.ts";

/** How a client verifies a server.
 * @category Client */
export interface TlsOptions {
  /**
   * The server's pin: SHA-256 of its public key, 64 lower-case hex digits. It alone decides, and is for
   * certificates that fxfer made.
   * @default none: the certificate must be for the server's name, and an authority must vouch for it
   */
  readonly pin?: string;
  /** Authorities besides those that the runtime trusts: certificates as PEM texts. @default {[]} */
  readonly caCerts?: readonly string[];
}

/** Makes TLS of the connections to a server, and remembers what it has verified. */
export class Verifier {
  readonly #pin: string | undefined;
  readonly #caCerts: readonly string[];
  /** The certificate with the right pin, as PEM, by the server that showed it. */
  readonly #known = new Map<string, string>();

  /** @throws {RangeError} If the pin is no pin, or one of the authorities holds no certificate. */
  constructor({ pin, caCerts = [] }: TlsOptions) {
    if (pin !== undefined && !isPin(pin)) {
      throw new RangeError("Cannot connect: tls.pin must be 64 lower-case hex digits");
    }
    for (const pem of caCerts) {
      if (readCertificates(pem).length === 0) {
        throw new RangeError("Cannot connect: tls.caCerts must be certificates as PEM");
      }
    }
    this.#pin = pin;
    this.#caCerts = caCerts;
  }

  /**
   * Connects to a server and shakes hands; nothing else has been sent then.
   *
   * @param open Makes a TCP connection to the server.
   * @throws {FxferError} `unauthorized` if it is not the right server; `unsupported_version` if it does not
   * speak TLS.
   * @throws What `open` and the system throw.
   */
  async connect(
    server: Endpoint,
    open: () => Promise<Deno.TcpConn>,
    signal: AbortSignal,
  ): Promise<Deno.TlsConn> {
    for (let tries = 1;; tries++) {
      try {
        return await this.#connect(server, open, signal);
      } catch (cause) {
        // A server that changes its certificate at this moment may reset a connection that it has not
        // accepted; the next one is served (S-TLS-4).
        if (tries === MAX_TRIES || !isReset(cause)) throw faultOf(cause, server);
      }
    }
  }

  async #connect(
    server: Endpoint,
    open: () => Promise<Deno.TcpConn>,
    signal: AbortSignal,
  ): Promise<Deno.TlsConn> {
    if (this.#pin === undefined) {
      return await shakeHands(open, server.hostname, this.#caCerts, signal);
    }
    const place = formatEndpoint(server);
    const anchor = this.#known.get(place) ?? await this.#fetch(server, this.#pin, signal);
    // What was verified before may have been replaced: then it is fetched anew for the next connection.
    this.#known.delete(place);
    const conn = await shakeHands(open, nameOfPin(this.#pin), [anchor], signal);
    this.#known.set(place, anchor);
    return conn;
  }

  /** The certificate that a server shows, if it has the pin. */
  async #fetch(server: Endpoint, pin: string, signal: AbortSignal): Promise<string> {
    const place = formatEndpoint(server);
    const shown = certificateOf(await fetchCertificate(server, nameOfPin(pin), signal), place);
    if (shown.pin !== pin) {
      const words =
        `its pin is not the one that you gave; wanted ${pin}, found ${shown.pin} (if the ` +
        "server was set up anew, ask for its new pin; if not, somebody is in between)";
      throw refused(place, words);
    }
    const { names } = shown;
    if (!names.includes(nameOfPin(pin))) {
      const list = names.length === 0 ? "" : ` (it is for ${listOf(names)})`;
      const words =
        "a pin is only for certificates that fxfer made, and this one is verified by its " +
        `name${list}: leave the pin out`;
      throw refused(place, words);
    }
    return writePem("CERTIFICATE", shown.der);
  }
}

function certificateOf(der: Uint8Array<ArrayBuffer>, place: string): Certificate {
  try {
    return readCertificate(der);
  } catch (cause) {
    throw refused(place, "its certificate is damaged (is this an fxfer server?)", cause);
  }
}

/** Connections that are reset during the handshake are made so often before the client waits. */
const MAX_TRIES = 3;

const { BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected } = Deno.errors;
const RESET = [BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected];

const isReset = (cause: unknown): boolean =>
  RESET.some((kind) => cause instanceof kind) ||
  (cause as { readonly code?: unknown }).code === "ECONNRESET";

/** Shakes hands on a new connection. */
async function shakeHands(
  open: () => Promise<Deno.TcpConn>,
  name: string,
  caCerts: readonly string[],
  signal: AbortSignal,
): Promise<Deno.TlsConn> {
  const hostname = name.split("%")[0]!; // the zone of an address stands in no certificate
  const started = performance.now();
  const tcp = await open();
  const tripMs = performance.now() - started;
  let conn: Deno.TcpConn | Deno.TlsConn = tcp;
  try {
    const options = { hostname, caCerts: [...caCerts], alpnProtocols: [ALPN] };
    const secured = conn = await Deno.startTls(tcp, options);
    await unlessAborted(secured.handshake(), signal);
    await ticketsOf(tripMs);
    return secured;
  } catch (error) {
    try {
      conn.close();
    } catch {
      // A startTls that failed has closed it.
    }
    throw error;
  }
}

/** The longest wait for the tickets, in milliseconds. */
const MAX_WAIT_MS = 100;

/**
 * Waits one round trip, until the server's session tickets are here. The server writes them behind the
 * handshake and, as it has no way to switch Nagle's algorithm off, holds its next write back until they are
 * acknowledged. The next frame acknowledges them; if it left before they came, the acknowledgement would
 * come 40 ms later.
 */
function ticketsOf(tripMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(MAX_WAIT_MS, Math.ceil(tripMs))));
}

/** The certificate that a server shows, as DER. Nothing is verified, and nothing is sent but the handshake. */
async function fetchCertificate(
  { hostname, port }: Endpoint,
  servername: string,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { connect } = await import("node:tls");
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const socket = connect({
    ...{ host: hostname, port, servername, rejectUnauthorized: false },
    ALPNProtocols: [ALPN],
  });
  socket.once("error", reject);
  socket.once("close", () => reject(new Deno.errors.ConnectionReset("the connection was closed")));
  socket.once("secureConnect", () => resolve(new Uint8Array(socket.getPeerCertificate().raw)));
  try {
    return await unlessAborted(promise, signal);
  } finally {
    socket.on("error", () => {}); // whatever comes after the certificate does not matter
    socket.destroy();
  }
}
