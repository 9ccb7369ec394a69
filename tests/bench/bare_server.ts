/**
 * What the runtime itself costs: the least that takes a stateless frame and stores its file under a
 * final name, with its sha256 in a manifest and in the reply. Nothing is checked, limited, timed or
 * cleaned up; what fxfer takes more than this is fxfer's.
 *
 * Listens on a free port, says which, and stores in the current folder.
 *
 * @module
 */
import { createHash, hash } from "node:crypto";

/** Pipelined headers and files of 64 KiB are taken in one read. */
const ROOM = 128 * 1024;
/** From here on the thread pool writes while the digest is computed. */
const WRITE_BESIDE = 16 * 1024;
const STREAM = 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const manifest = Deno.openSync("commits.jsonl", { create: true, append: true });
Deno.mkdirSync(".incoming");
let made = 0;

/** Bytes of a connection that are read and not used yet, and the means to get more. */
class Source {
  #buffer = new Uint8Array(ROOM);
  #from = 0;
  #to = 0;
  constructor(readonly conn: Deno.Conn) {}

  get ready(): Uint8Array {
    return this.#buffer.subarray(this.#from, this.#to);
  }

  skip(count: number): void {
    this.#from += count;
  }

  /** Reads once more behind what is ready; false at the end. */
  async more(): Promise<boolean> {
    this.#buffer.copyWithin(0, this.#from, this.#to);
    this.#to -= this.#from;
    this.#from = 0;
    const count = await this.conn.read(this.#buffer.subarray(this.#to));
    this.#to += count ?? 0;
    return count !== null;
  }
}

async function serve(conn: Deno.Conn): Promise<void> {
  const source = new Source(conn);
  for (;;) {
    const lf = source.ready.indexOf(10);
    if (lf < 0) {
      if (!(await source.more())) break;
      continue;
    }
    const { mime_type, size, session } = JSON.parse(decoder.decode(source.ready.subarray(0, lf)));
    source.skip(lf + 1);
    const path = `${made++}.bin`;
    const sha256 = size <= ROOM
      ? await storeWhole(source, path, size)
      : await storeStream(source, path, size);
    Deno.renameSync(`.incoming/${path}`, path);
    const file = { path, size, sha256, mime_type };
    manifest.writeSync(encoder.encode(`${JSON.stringify({ ...file, time: new Date() })}\n`));
    const data = `${JSON.stringify({ code: "ok", file })}\n`;
    const echo = { ...session, data_size: data.length };
    const head = { version: "2.0", mime_type: "application/json", size: 0, session: echo };
    await conn.write(encoder.encode(`${JSON.stringify(head)}\n${data}`));
  }
  conn.close();
}

async function storeWhole(source: Source, path: string, size: number): Promise<string> {
  while (source.ready.length < size && await source.more());
  const bytes = source.ready.subarray(0, size);
  const options = { createNew: true, mode: 0o640 };
  const writing = size < WRITE_BESIDE
    ? Deno.writeFileSync(`.incoming/${path}`, bytes, options)
    : Deno.writeFile(`.incoming/${path}`, bytes, options);
  const sha256 = hash("sha256", bytes, "hex");
  await writing;
  source.skip(size);
  return sha256;
}

/** Two buffers in turns: one is read into while the other is written. */
async function storeStream(source: Source, path: string, size: number): Promise<string> {
  using file = Deno.openSync(`.incoming/${path}`, { write: true, createNew: true, mode: 0o640 });
  const sha256 = createHash("sha256");
  const buffers = [new Uint8Array(STREAM), new Uint8Array(STREAM)];
  let writing: Promise<void> | undefined;
  const begun = source.ready.slice(0, size);
  source.skip(begun.length);
  for (let left = size, bytes = begun;;) {
    await writing;
    writing = writeAll(file, bytes);
    sha256.update(bytes);
    left -= bytes.length;
    if (left === 0) break;
    buffers.reverse();
    const count = await source.conn.read(buffers[0]!.subarray(0, Math.min(left, STREAM)));
    if (count === null) break;
    bytes = buffers[0]!.subarray(0, count);
  }
  await writing;
  return sha256.digest("hex");
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
Deno.stdout.writeSync(encoder.encode(`127.0.0.1:${listener.addr.port}\n`));
for (;;) serve(await listener.accept()).catch(() => {});
