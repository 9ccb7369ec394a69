/** The files of `fxfer session`: the key, and the session that was written down. @module */
import { FxferError } from "../../errors.ts";
import { importMigrationKey, MIN_SECRET_BYTES } from "../../migration/mod.ts";
import type { Output } from "../../terminal/mod.ts";
import { readable, writable } from "../permission.ts";

/** `-` among the operands. */
const STDIN = "-";

/**
 * The key in a file. White space at its end is none of it: editors and `echo` add some.
 *
 * @throws {FxferError} `local_io` if it cannot be used; the text of the key is never repeated.
 */
export async function readKey(path: string): Promise<CryptoKey> {
  const refuse = (reason: string, cause?: unknown) =>
    new FxferError("local_io", `Cannot use key file ${path}: ${reason}`, { cause });
  if (!await readable(path)) throw refuse(`reading it is not permitted (--allow-read=${path})`);
  let secret: Uint8Array;
  try {
    using file = await Deno.open(path, { read: true });
    const { mode } = await file.stat();
    if (mode !== null && (mode & 0o077) !== 0) {
      throw refuse("others than its owner may use it (chmod 600)");
    }
    secret = new Uint8Array(await new Response(file.readable).arrayBuffer());
  } catch (error) {
    if (error instanceof FxferError) throw error;
    throw refuse(error instanceof Error ? error.message : String(error), error);
  }
  let end = secret.length;
  while (end > 0 && secret[end - 1]! <= 0x20) end--;
  if (end < MIN_SECRET_BYTES) throw refuse(`it needs ${MIN_SECRET_BYTES} bytes or more`);
  return await importMigrationKey(secret.subarray(0, end));
}

/** Where an exported session goes to. Dispose it in any case. */
export interface BlobSink extends AsyncDisposable {
  /** Takes all of it. */
  write(blob: ReadableStream<Uint8Array>): Promise<void>;
}

/**
 * A new file for its owner alone, or standard output. Opened before anything is exported: what cannot
 * be written must not be taken from its server.
 *
 * @throws {FxferError} `local_io`, or `usage` if standard output is a terminal.
 */
export async function openSink(path: string | undefined, { out }: Output): Promise<BlobSink> {
  if (path === undefined) {
    if (out.terminal) {
      throw new FxferError("usage", "Cannot export session to a terminal: --out FILE, or a pipe");
    }
    return {
      write: (blob) => blob.pipeTo(Deno.stdout.writable, { preventClose: true }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  if (!await writable(path)) {
    throw new FxferError(
      "local_io",
      `Cannot write ${path}: it is not permitted (--allow-write=${path})`,
    );
  }
  const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 }).catch(
    (cause) => {
      const reason = cause instanceof Deno.errors.AlreadyExists ? "it exists" : cause.message;
      throw new FxferError("local_io", `Cannot write ${path}: ${reason}`, { cause });
    },
  );
  let whole = false;
  return {
    async write(blob) {
      for await (const bytes of blob) {
        for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      }
      await file.sync();
      whole = true;
    },
    async [Symbol.asyncDispose]() {
      file.close();
      // Half of it is of no use to anybody.
      if (!whole) await Deno.remove(path);
    },
  };
}

/** The bytes of an exported session. @throws {FxferError} `local_io`. */
export async function openBlob(path: string): Promise<ReadableStream<Uint8Array>> {
  if (path === STDIN) return Deno.stdin.readable;
  const refuse = (reason: string, cause?: unknown) =>
    new FxferError("local_io", `Cannot read ${path}: ${reason}`, { cause });
  if (!await readable(path)) throw refuse(`reading it is not permitted (--allow-read=${path})`);
  try {
    return (await Deno.open(path, { read: true })).readable;
  } catch (cause) {
    throw refuse(cause instanceof Error ? cause.message : String(cause), cause);
  }
}
