/** A folder for files that nobody keeps. @module */
import { CODES } from "../errors.ts";
import { onStop } from "../terminal/mod.ts";
import { cannot } from "./local.ts";

/** A temporary folder, until it is disposed of. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes a temporary folder. It is removed when it is disposed of, and when SIGINT or SIGTERM ends the program:
 * nothing in it is worth an orderly end.
 *
 * @throws {FxferError} `local_io`.
 */
export async function temporaryFolder(prefix: string): Promise<TemporaryFolder> {
  const path = await Deno.makeTempDir({ prefix }).catch(cannot("make a temporary folder"));
  const signals = onStop(() => {
    try {
      Deno.removeSync(path, { recursive: true });
    } finally {
      Deno.exit(CODES.interrupted.exit);
    }
  });
  return {
    path,
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
      signals[Symbol.dispose]();
    },
  };
}
