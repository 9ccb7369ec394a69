/** Opens the door for operators, if the configuration wants one. @module */
import type { Config } from "../config/mod.ts";
import { FxferError, reasonOf } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Logger } from "../log.ts";
import type { Plant } from "../operate/mod.ts";
import type { KeyPair } from "../tls/mod.ts";
import { listen } from "./listening.ts";

/** A token is no shorter than this, in characters. */
const MIN_TOKEN = 16;

/** Hosts that only this machine reaches. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** Whether a door is wanted. */
export const wantsDoor = ({ admin }: Config): boolean => admin.port !== "off";

/**
 * What operators must show; undefined where nothing was configured.
 *
 * @throws {FxferError} `config_invalid` if the door would be open to other machines, or the secret is weak;
 * `local_io` if the file cannot be read.
 */
export async function readToken(
  { admin: { host, token_file } }: Config,
): Promise<string | undefined> {
  if (token_file === "none") {
    if (LOOPBACK.test(host)) return undefined;
    throw new FxferError(
      "config_invalid",
      `Cannot use configuration: admin.host is ${host}, which other machines reach: that needs ` +
        "admin.token_file",
    );
  }
  const token = (await readFile(token_file)).trim();
  if (token.length >= MIN_TOKEN && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new FxferError(
    "config_invalid",
    `Cannot use configuration: admin.token_file must hold one line of ${MIN_TOKEN} or more ` +
      "characters without spaces, such as openssl rand -hex 32 prints",
  );
}

async function readFile(path: string): Promise<string> {
  try {
    if (path === "-") return await new Response(Deno.stdin.readable).text();
    const { state } = await Deno.permissions.query({ name: "read", path });
    if (state === "granted") return await Deno.readTextFile(path);
  } catch (cause) {
    throw new FxferError("local_io", `Cannot read token ${path}: ${reasonOf(cause)}`, { cause });
  }
  throw new FxferError(
    "local_io",
    `Cannot read token: reading it is not permitted (--allow-read=${path}, or give it on standard ` +
      "input with admin.token_file -)",
  );
}

/**
 * The key that sessions are sealed with when an operator moves them; undefined where none is configured.
 *
 * @throws {FxferError} `config_invalid` if it is weak; `local_io`.
 */
export async function readMoveKey({ admin }: Config): Promise<CryptoKey | undefined> {
  const { move_key_file: path } = admin;
  if (path === "none") return undefined;
  let secret: Uint8Array;
  try {
    secret = await Deno.readFile(path);
  } catch (cause) {
    throw new FxferError("local_io", `Cannot use key file ${path}: ${reasonOf(cause)}`, { cause });
  }
  const { importMigrationKey, MIN_SECRET_BYTES } = await import("../migration/mod.ts");
  // White space at the end does not count, as for `fxfer session`.
  const length = secret.findLastIndex((byte) => byte > 0x20) + 1;
  if (length >= MIN_SECRET_BYTES) return await importMigrationKey(secret.subarray(0, length));
  throw new FxferError(
    "config_invalid",
    `Cannot use configuration: admin.move_key_file needs ${MIN_SECRET_BYTES} bytes or more`,
  );
}

/** Opens the door. Its modules are loaded only here. */
export async function openDoor(
  { admin }: Config,
  token: string | undefined,
  plant: Plant,
  events: Events,
  pair?: KeyPair,
): Promise<AsyncDisposable> {
  const { Door } = await import("../operate/mod.ts");
  const { host: hostname, names } = admin;
  const secure = admin.tls === "on";
  if (secure && pair === undefined) {
    throw new FxferError(
      "config_invalid",
      "Cannot use configuration: admin.tls is on, and the server has no certificate " +
        "(server.tls.certificate)",
    );
  }
  const port = admin.port === "off" ? 0 : admin.port;
  const listener = listen(
    hostname,
    port,
    () =>
      secure
        ? Deno.listenTls({ hostname, port, cert: pair!.certificate, key: pair!.key })
        : Deno.listen({ hostname, port }),
    "--set admin.port=0",
  );
  const door = new Door(plant, { listener, token, names, secure });
  events.emit({
    type: "admin.listening",
    ...place(door.addr),
    token: token !== undefined,
    tls: secure,
  });
  return door;
}

const place = ({ hostname, port }: Deno.NetAddr) => ({ hostname, port });

/** Says how many bytes are free where files go; undefined where the process may not ask. */
export async function freeSpace(path: string, log: Logger): Promise<(() => number) | undefined> {
  // Deno checks a permission of this kind, but its type does not list it.
  const sys = { name: "sys", kind: "statfs" as unknown as "osRelease" } as const;
  for (const wanted of [sys, { name: "read", path } as const]) {
    const { state } = await Deno.permissions.query(wanted);
    if (state !== "granted") return undefined;
  }
  const { statfsSync } = await import("node:fs");
  return () => {
    try {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    } catch (cause) {
      log.debug("admin.free_space_unknown", { cause });
      return 0;
    }
  };
}
