/** The listener for TLS, whose certificate can be changed while it listens (S-TLS-4). @module */
import { acceptEach } from "../accept.ts";
import type { Logger } from "../log.ts";
import { ALPN } from "../tls/alpn.ts";
import type { KeyPair } from "../tls/mod.ts";

/** How a server listens for TLS.
 * @category Server */
export interface TlsServeOptions {
  /** The certificate, and those that vouch for it, as PEM. */
  readonly certificate: string;
  /** The private key of the certificate, as PEM. */
  readonly key: string;
  /** 0 picks a free one. @default {65433} */
  readonly port?: number;
  /**
   * Whether `Server.changeCertificate` may be called. Needs Deno's `--unstable-net`, or
   * `"unstable": ["net"]` in the program's deno.json.
   * @default {false}
   */
  readonly reloadable?: boolean;
}

/** Where a {@linkcode TlsDoor} listens, and with what. */
export interface TlsDoorOptions extends KeyPair {
  readonly hostname: string;
  readonly port: number;
  /** Whether the certificate can be changed, for which a second listener must be able to share the port. */
  readonly isReloadable: boolean;
  /** Whether other servers listen on the port, too. */
  readonly isShared: boolean;
}

/** So many turns of the event loop a listener has to come to its end, however many connect. */
const MAX_TURNS = 100;

/**
 * Listens for TLS. A connection that it hands over has not shaken hands yet: its first read or write does,
 * so a slow or silent peer meets the same clocks as on the plain port.
 *
 * The certificate of a listener cannot be changed, so a new one needs a second listener on the same port;
 * then the first one is closed. Closing resets the connections that the system has made and the program
 * has not accepted. So the first listener goes on accepting until it has nothing to accept, and is closed
 * in the same turn of the event loop; a client whose connection is reset before the handshake tries again.
 */
export class TlsDoor {
  readonly addr: Deno.NetAddr;
  readonly #options: TlsDoorOptions;
  readonly #log: Logger;
  #take: ((conn: Deno.TlsConn) => void) | undefined;
  #relieve: (() => void) | undefined;
  #listener: Deno.TlsListener;
  /** How many connections the listener has accepted. */
  #accepted = { count: 0 };
  #closed = false;

  /** @throws {Deno.errors.AddrInUse} The port is taken. @throws {Error} Certificate and key do not fit. */
  constructor(options: TlsDoorOptions, log: Logger) {
    const { hostname, port, isReloadable, isShared } = options;
    // A listener that can share its port would share it with another program, too, and not say so.
    if (isReloadable && !isShared && port !== 0) Deno.listen({ hostname, port }).close();
    this.#listener = listen(options, options, port);
    this.addr = this.#listener.addr as Deno.NetAddr;
    this.#options = options;
    this.#log = log;
  }

  /** Begins to accept, as `Doors` does. */
  accept(take: (conn: Deno.TlsConn) => void, relieve: () => void): void {
    this.#take = take;
    this.#relieve = relieve;
    this.#accept(this.#listener);
  }

  #accept(listener: Deno.TlsListener): void {
    const accepted = this.#accepted = { count: 0 };
    void acceptEach(
      listener,
      (conn) => {
        accepted.count++;
        this.#take?.(conn);
      },
      this.#log,
      () => this.#relieve?.(),
    );
  }

  /** Changes the certificate for new connections. @throws {Error} Certificate and key do not fit; nothing has changed. */
  async change(pair: KeyPair): Promise<void> {
    if (!this.#options.isReloadable) {
      throw new TypeError("Cannot change certificate: serve() was not told tls.reloadable");
    }
    if (this.#closed) return;
    const [before, accepted] = [this.#listener, this.#accepted];
    this.#listener = listen(this.#options, pair, this.addr.port);
    this.#accept(this.#listener);
    for (let seen = -1, turns = 0; seen !== accepted.count && turns < MAX_TURNS; turns++) {
      seen = accepted.count;
      await new Promise((resolve) => setTimeout(resolve));
    }
    before.close();
    // The system stops listening only when the accept that was under way has ended.
    await new Promise((resolve) => setTimeout(resolve));
  }

  /** Accepts no more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }
}

function listen(
  { hostname, isReloadable, isShared }: TlsDoorOptions,
  { certificate: cert, key }: KeyPair,
  port: number,
): Deno.TlsListener {
  const shared = isReloadable || isShared ? { reusePort: true } : {};
  return Deno.listenTls({ hostname, port, cert, key, alpnProtocols: [ALPN], ...shared });
}
