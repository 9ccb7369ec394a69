/** Servers with users. @module */
import type { ConnectOptions } from "../../src/client/mod.ts";
import { formatKey, type KeyLine, Keyring, newKey } from "../../src/keys/mod.ts";
import { InProcess, type InProcessOptions } from "./in_process.ts";

/** A line of a key file, with a new key. */
export const line = (name: string, more: Partial<KeyLine> = {}): KeyLine => ({
  key: newKey(name),
  can: ["put", "get", "list", "remove"],
  limits: {},
  ...more,
});

/** A server in this process, and its users. */
export interface Serving extends AsyncDisposable {
  readonly server: InProcess;
  readonly keys: Keyring;
  readonly lines: KeyLine[];
  options(name: string, more?: ConnectOptions): ConnectOptions;
}

/** A server with users; disposing stops it. */
export async function withUsers(
  lines: KeyLine[],
  options: InProcessOptions = {},
): Promise<Serving> {
  const keys = new Keyring(lines);
  const server = await InProcess.start({ ...options, security: { keys, ...options.security } });
  return {
    server,
    keys,
    lines,
    options: (name, more) => ({
      port: server.port,
      key: formatKey(lines.find(({ key }) => key.name === name)!.key),
      retries: 0,
      ...more,
    }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
