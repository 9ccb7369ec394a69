/** Servers with two workers. @module */
import { fileURLToPath } from "node:url";
import { FLAGS_RW, FLAGS_W, Program, type ServeOptions } from "./program.ts";
import { RawPeer } from "./raw_peer.ts";

const READ = "--allow-read=";
const SRC = fileURLToPath(new URL("../../src", import.meta.url));

/** Tier RW; from source, workers need to read the program, too. */
export const WORKERS_RW: readonly string[] = FLAGS_RW.map((flag) =>
  flag.startsWith(READ) ? `${flag},${SRC}` : flag
);

/** Tier W, with the program itself to read. */
export const WORKERS_W: readonly string[] = [...FLAGS_W, READ + SRC];

/** Starts a server with two workers, whose log tells which of them accepts a connection. */
export function serveTwo(options: ServeOptions = {}): Promise<Program> {
  const set = { "server.workers": 2, "logging.level": "debug", ...options.set };
  return Program.serve({ flags: WORKERS_RW, ...options, set });
}

/** Opens a connection, and says which worker has it. Not for several at a time. */
export async function openPeer(server: Program): Promise<{ peer: RawPeer; worker: number }> {
  const isOpening = ({ json }: { json: { event?: unknown } }) => json.event === "connection.opened";
  const before = server.log.all.filter(isOpening).length;
  const peer = await RawPeer.open(server);
  let seen = 0;
  const { json } = await server.log.wait((line) => isOpening(line) && ++seen > before);
  return { peer, worker: json.worker };
}

/** Opens connections until one falls to this worker: the system chooses by the client's port. */
export async function peerOf(server: Program, wanted: number): Promise<RawPeer> {
  for (let tries = 0; tries < 64; tries++) {
    const { peer, worker } = await openPeer(server);
    if (worker === wanted) return peer;
    peer.close();
  }
  throw new Error("64 connections fell to the other worker");
}
