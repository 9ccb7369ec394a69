/** Gets a file back, frame by frame: goes on where the connection was cut. @module */
import { createHash } from "node:crypto";
import { Decoder, encodeRequest, type ReplyBody } from "../../protocol/mod.ts";
import { cannot } from "../local.ts";

/** What came back. */
export interface Fetched {
  readonly sha256: string;
  readonly bytes: number;
  /** How many connections it took. */
  readonly connections: number;
}

/** So many connections are tried. */
const TRIES = 5;

/** Fetches the newest file of a name, and goes on at the first missing byte after each cut. */
export async function fetchBack(port: number, name: string): Promise<Fetched> {
  const hash = createHash("sha256");
  let bytes = 0;
  for (let connections = 1;; connections++) {
    try {
      await fetchFrom(port, name, bytes, (piece) => {
        hash.update(piece);
        bytes += piece.length;
      });
      return { sha256: hash.digest("hex"), bytes, connections };
    } catch (error) {
      if (connections === TRIES) throw error;
    }
  }
}

/** One fetch on a connection of its own. */
async function fetchFrom(
  port: number,
  name: string,
  offset: number,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const session = { id: null, mode: "stateless", sequence: 1, action: "fetch" } as const;
  await conn.write(encodeRequest({ ...session, version: "2.1", data: { name, offset } }));
  const decoder = new Decoder({ role: "client" });
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) throw new Deno.errors.UnexpectedEof("the connection was cut");
    for (const event of decoder.push(buffer.subarray(0, count))) {
      if (event.type === "payload") take(event.bytes);
      else if (event.type === "reply") mustBeOk(event.reply.body);
      else if (event.type === "fault") throw event.error;
      else return;
    }
  }
}

function mustBeOk({ code }: ReplyBody): void {
  if (code !== "ok") cannot("get the file back")(new Error(code));
}
