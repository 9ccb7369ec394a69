/** Makes connections: all addresses of a name are tried, and an abort is answered at once. @module */
import type { LookupAddress } from "node:dns";
import { type Endpoint, parseAddress } from "../address.ts";
import { FxferError } from "../errors.ts";
import type { Verifier } from "../tls/mod.ts";
import { LATE, unlessAborted, within } from "../within.ts";
import { cannotConnect } from "./client_errors.ts";

/** A server that does not accept a connection within this time counts as away. */
const CONNECT_TIMEOUT_MS = 10_000;

/** An address has this time before the next one is tried beside it, as RFC 8305 recommends. */
const NEXT_ADDRESS_MS = 250;

/**
 * Connects to a server.
 *
 * @param verifier Makes TLS of the connection; absent for a plain one (S-TLS-3).
 * @throws {FxferError} `connection_lost` with its cause, also by the signal; those of the verifier.
 */
export async function dial(
  server: Endpoint,
  signal: AbortSignal,
  verifier?: Verifier,
): Promise<Deno.Conn> {
  const timeout = new AbortController();
  const late = Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" });
  const timer = setTimeout(() => timeout.abort(late), CONNECT_TIMEOUT_MS);
  const either = AbortSignal.any([signal, timeout.signal]);
  const open = async () => {
    const addresses = await unlessAborted(addressesOf(server.hostname), either);
    const conn = await firstOf(addresses, server.port, either);
    conn.setNoDelay(true);
    return conn;
  };
  try {
    return verifier === undefined ? await open() : await verifier.connect(server, open, either);
  } catch (cause) {
    throw cause instanceof FxferError ? cause : cannotConnect(server, cause);
  } finally {
    clearTimeout(timer);
  }
}

/** The addresses of a host, IPv6 and IPv4 in turns; the name itself where it may not be looked up. */
async function addressesOf(hostname: string): Promise<readonly string[]> {
  if (parseAddress(hostname) !== undefined || hostname.includes("%")) return [hostname];
  // A program that may only connect to this name may not connect to its addresses.
  const { state } = await Deno.permissions.query({ name: "net" });
  if (state !== "granted") return [hostname];
  const { lookup } = await import("node:dns");
  const { promise, resolve, reject } = Promise.withResolvers<LookupAddress[]>();
  lookup(hostname, { all: true }, (error, found) => error ? reject(error) : resolve(found));
  const found = await promise;
  const first = found.filter(({ family }) => family === found[0]!.family);
  const other = found.filter(({ family }) => family !== found[0]!.family);
  const turns = Array.from({ length: found.length }, (_, n) => [first[n], other[n]]).flat();
  return turns.flatMap((each) => each?.address ?? []);
}

/** The first connection that one of the addresses accepts; connections that come later are closed. */
export async function firstOf(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const tries: Promise<Deno.TcpConn>[] = [];
  let winner: Deno.TcpConn | undefined;
  try {
    for (const hostname of addresses) {
      tries.push(Deno.connect({ hostname, port, signal: either }));
      const accepted = Promise.any(tries);
      // Without an answer, or after failures only, the next address has its turn.
      const first = await within(NEXT_ADDRESS_MS, accepted.catch(() => LATE));
      if (first !== LATE) return winner = first as Deno.TcpConn;
      if (signal.aborted) break;
    }
    return winner = await unlessAborted(Promise.any(tries), signal);
  } catch (error) {
    // The first address is the preferred one: its fault says most.
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    for (const each of tries) each.then((conn) => conn !== winner && conn.close(), () => {});
    done.abort();
  }
}
