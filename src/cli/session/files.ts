/** The files of `fxfer session`: the key, and the exported session. @module */
import { FxferError } from "../../errors.ts";
import { importMigrationKey, MIN_SECRET_BYTES } from "../../migration/mod.ts";
import type { Output } from "../../terminal/mod.ts";
import { cannot, localError, mustRead, writable } from "../local.ts";

/**
 * Reads the key from a file. White space at the end is cut off: editors and `echo` add some.
 *
 * @throws {FxferError} `local_io` if the file cannot be used; the message never repeats its text.
 */
export async function readKey(path: string): Promise<CryptoKey> {
  const action = `use key file ${path}`;
  await mustRead(path, action);
  using file = await Deno.open(path, { read: true }).catch(cannot(action));
  const { mode } = await file.stat().catch(cannot(action));
  if (mode !== null && (mode & 0o077) !== 0) {
    throw localError(action, undefined, "others than its owner may use it (chmod 600)");
  }
  const secret = await new Response(file.readable).bytes().catch(cannot(action));
  let end = secret.length;
  while (end > 0 && secret[end - 1]! <= 0x20) end--;
  if (end >= MIN_SECRET_BYTES) return await importMigrationKey(secret.subarray(0, end));
  throw localError(action, undefined, `it needs ${MIN_SECRET_BYTES} bytes or more`);
}

/** What an exported session is written to. Dispose of it in any case. */
export interface BlobSink extends AsyncDisposable {
  /** Writes the whole session. */
  write(blob: ReadableStream<Uint8Array>): Promise<void>;
}

/**
 * Opens a new file that only its owner may read, or standard output. This comes before the export,
 * because a session that cannot be written must not be taken from its server.
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
    const reason = `it is not permitted (--allow-write=${path})`;
    throw localError(`write ${path}`, undefined, reason);
  }
  const exists = (cause: unknown) =>
    cause instanceof Deno.errors.AlreadyExists ? "it exists" : undefined;
  const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 })
    .catch(cannot(`write ${path}`, exists));
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
      // A part of an exported session cannot be imported.
      if (!whole) await Deno.remove(path);
    },
  };
}

/** The bytes of an exported session; `-` is standard input. @throws {FxferError} `local_io`. */
export async function openBlob(path: string): Promise<ReadableStream<Uint8Array>> {
  if (path === "-") return Deno.stdin.readable;
  await mustRead(path);
  return (await Deno.open(path, { read: true }).catch(cannot(`read ${path}`))).readable;
}
