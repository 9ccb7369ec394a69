/** Secrets on standard input, which no permission is needed for: keys, a certificate, or both. @module */
import { FxferError, reasonOf } from "../errors.ts";

/** The largest input, in bytes. */
const MAX_BYTES = 16 * 1024 * 1024;

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

let input: Promise<string> | undefined;

/** Users' keys: what stands outside of PEM blocks. @throws {FxferError} `unauthorized`. */
export async function keysOfInput(): Promise<string> {
  return (await readInput("keys")).replaceAll(PEM, "");
}

/** A certificate and its key: the PEM blocks. @throws {FxferError} `unauthorized`. */
export async function pemOfInput(): Promise<string> {
  return ((await readInput("certificate")).match(PEM) ?? []).join("\n");
}

/** All of it; it can be read once, and both of its readers get it. */
function readInput(what: string): Promise<string> {
  return input ??= readToEnd(what);
}

async function readToEnd(what: string): Promise<string> {
  const cannot = (why: string, cause?: unknown) =>
    new FxferError("unauthorized", `Cannot read ${what} from standard input: ${why}`, { cause });
  if (Deno.stdin.isTerminal()) throw cannot("it is a terminal (add < FILE)");
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for await (const part of Deno.stdin.readable) {
      parts.push(part);
      size += part.length;
      if (size > MAX_BYTES) throw new RangeError("it is too large");
    }
  } catch (cause) {
    throw cannot(reasonOf(cause), cause);
  }
  return await new Blob(parts).text();
}
