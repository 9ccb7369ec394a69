/** Where a server listens: the plain port, the port for TLS, or both. @module */
import { acceptEach } from "../accept.ts";
import type { Logger } from "../log.ts";
import type { KeyPair } from "../tls/mod.ts";
import { TlsDoor, type TlsServeOptions } from "./tls_door.ts";

/** The listeners of a server. */
export class Doors {
  readonly #plain: Deno.TcpListener | undefined;
  readonly #tls: TlsDoor | undefined;
  readonly #log: Logger;

  /** At least one of the two must be there. */
  constructor(plain: Deno.TcpListener | undefined, tls: TlsDoor | undefined, log: Logger) {
    this.#plain = plain;
    this.#tls = tls;
    this.#log = log;
  }

  /** Starts to listen; where one of two listeners fails, the other is closed. */
  static open(
    hostname: string,
    port: number | "off",
    { reusePort, tls }: { readonly reusePort?: boolean; readonly tls?: TlsServeOptions },
    log: Logger,
  ): Doors {
    if (port === "off" && tls === undefined) {
      throw new TypeError("Cannot serve: port is off, and there is no TLS");
    }
    // A program that names reusePort at all is ended by Deno if it runs without --unstable-net.
    const shared = reusePort ? { reusePort } : {};
    const plain = port === "off" ? undefined : Deno.listen({ hostname, port, ...shared });
    if (tls === undefined) return new Doors(plain, undefined, log);
    try {
      const { port = 65433, reloadable = false } = tls;
      const sharing = { isReloadable: reloadable, isShared: reusePort === true };
      return new Doors(plain, new TlsDoor({ ...tls, ...sharing, hostname, port }, log), log);
    } catch (error) {
      plain?.close();
      throw error;
    }
  }

  /** The plain port; undefined where it is off. */
  get plain(): Deno.NetAddr | undefined {
    return this.#plain?.addr as Deno.NetAddr | undefined;
  }

  /** The port for TLS; undefined where there is none. */
  get tls(): Deno.NetAddr | undefined {
    return this.#tls?.addr;
  }

  /**
   * Begins to accept. No function may throw, and the first two must close the connection in the end.
   *
   * @param relieve Called when no file handle is left for another connection.
   */
  accept(
    plain: (conn: Deno.TcpConn) => void,
    tls: (conn: Deno.TlsConn) => void,
    relieve: () => void,
  ): void {
    if (this.#plain !== undefined) void acceptEach(this.#plain, plain, this.#log, relieve);
    this.#tls?.accept(tls, relieve);
  }

  /** Changes the certificate for new connections (S-TLS-4). */
  async change(pair: KeyPair): Promise<void> {
    if (this.#tls === undefined) throw new TypeError("Cannot change certificate: there is no TLS");
    await this.#tls.change(pair);
  }

  /** Accepts no more. */
  close(): void {
    this.#plain?.close();
    this.#tls?.close();
  }
}
