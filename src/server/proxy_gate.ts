/**
 * Takes connections from proxies, which say in a PROXY header whose connection they forward.
 *
 * Only a proxy on the allow-list is believed, so that no client can claim an address; and it must send the
 * header, because without one its clients would all count as one address. From any other address a PROXY
 * header is no part of the protocol, and the decoder refuses it like any other line that is no header.
 *
 * @module
 */
import { inNetworks, type Network, parseNetwork } from "../address.ts";
import { FxferError } from "../errors.ts";
import { MAX_V2_BYTES, parseProxyHeader, type ProxyVersions } from "./proxy_protocol.ts";

/** Which proxies are believed.
 * @category Server */
export interface ProxyOptions {
  /** The versions of the PROXY protocol that are accepted. */
  readonly versions: ProxyVersions;
  /** The proxies: addresses, or networks as `10.0.0.0/8`. */
  readonly allow: readonly string[];
}

/** How long a header may take: a proxy sends it at once, so more time is a fault or an attack. */
const HEADER_MS = 5000;

/** What is known of a connection before its first frame.
 * @category Server */
export interface Arrival {
  /** The client's address. */
  readonly address: string;
  /** The client's first bytes, if they came with the proxy's header. */
  readonly bytes?: Uint8Array;
}

/** Reads the PROXY headers of connections from the proxies that are believed.
 * @category Server */
export class ProxyGate {
  readonly #versions: ProxyVersions;
  readonly #networks: readonly Network[];
  readonly #headerMs: number;

  /**
   * Believes the proxies of a list. @param headerMs How long the header may take.
   *
   * @throws {RangeError} An entry of `allow` is no address and no network.
   */
  constructor(options: ProxyOptions, headerMs: number = HEADER_MS) {
    this.#versions = options.versions;
    this.#networks = options.allow.map((text) => {
      const network = parseNetwork(text);
      if (network !== undefined) return network;
      throw new RangeError(`Cannot allow proxy ${text}: it is no address and no network`);
    });
    this.#headerMs = headerMs;
  }

  /** Whether connections from this address must bring a header. */
  covers(address: string): boolean {
    return inNetworks(address, this.#networks);
  }

  /**
   * Reads the header.
   *
   * @return Undefined when the peer ended before the header was whole, as a health check does.
   * @throws {FxferError} `protocol_error` where there is no header; `handshake_timeout`; the reason of
   * `signal`. A read may still be pending then.
   */
  async read(conn: Deno.TcpConn, signal: AbortSignal): Promise<Arrival | undefined> {
    signal.throwIfAborted();
    const buffer = new Uint8Array(MAX_V2_BYTES);
    const { promise: over, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new FxferError("handshake_timeout")), this.#headerMs);
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop);
    try {
      for (let filled = 0;;) {
        const reading = conn.read(buffer.subarray(filled));
        reading.catch(() => {}); // it may fail after the race below is over
        const count = await Promise.race([reading, over]);
        if (count === null) return undefined;
        filled += count;
        const result = parseProxyHeader(buffer.subarray(0, filled), this.#versions);
        if (result.type === "fault") {
          throw new FxferError("protocol_error", `Cannot take connection: ${result.reason}`);
        }
        if (result.type === "more") continue;
        const { address = conn.remoteAddr.hostname, rest } = result;
        return rest.length === 0 ? { address } : { address, bytes: rest };
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }
}
