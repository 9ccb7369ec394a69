/** `fxfer serve --share`: the key, the address to send to, and the end. @module */
import { parseAddress } from "../../address.ts";
import { stateFolder } from "../../app/mod.ts";
import type { Config } from "../../config/mod.ts";
import { FxferError, reasonOf } from "../../errors.ts";
import type { Events } from "../../events.ts";
import {
  formatKey,
  formatKeyLine,
  type Key,
  mustBePrivate,
  newKey,
  parseKey,
} from "../../keys/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { onHangup, type Output } from "../../terminal/mod.ts";
import { formatDuration } from "../../text.ts";
import { formatServerUrl } from "../../server_url.ts";
import type { ServerCertificate } from "../../tls/mod.ts";
import { localError, readable } from "../local.ts";
import type { ShareArgs } from "./args.ts";

/** The file in the state folder that keeps the key, so that an address stays valid. */
const KEY_FILE = ".share.key";

/** A share that is about to begin. */
export class Share {
  readonly #asked: ShareArgs;
  readonly #key: Key;
  /** When it ends, in milliseconds since 1970. */
  readonly #until: number | undefined;

  /** What clients may call this machine. */
  readonly #hosts: readonly string[];

  private constructor(asked: ShareArgs, hosts: readonly string[], key: Key) {
    this.#asked = asked;
    this.#hosts = hosts;
    this.#key = key;
    this.#until = asked.forMs === undefined ? undefined : Date.now() + asked.forMs;
  }

  /**
   * Makes the key, or takes the one of the last share in this folder. A share that ends by itself has a key of
   * its own, which is worth nothing afterwards.
   *
   * @throws {FxferError} `config_invalid` if the addresses of this machine are unknown; `unauthorized` or
   * `local_io` if the key of the last share cannot be used.
   */
  static async open(asked: ShareArgs, config: Config): Promise<Share> {
    const hosts = await hostsOf(config.server.host);
    const isShort = asked.once || asked.forMs !== undefined;
    return new Share(asked, hosts, isShort ? newKey("share") : await keptKey(stateFolder(config)));
  }

  /** The text of a file of keys with this one in it. */
  get keys(): string {
    const { can } = this.#asked;
    const until = omitUndefined({ until: this.#until });
    return formatKeyLine({ key: this.#key, can, limits: {}, ...until });
  }

  /** Tells the address: on standard output, or in a file that only its owner may read. */
  async tell(
    port: number,
    certificate: ServerCertificate,
    { out, err }: Output,
  ): Promise<void> {
    const { once, forMs, can, toFile } = this.#asked;
    const pin = certificate.isOwn ? { pin: certificate.pin } : {};
    const address = (hostname: string) =>
      formatServerUrl({ hostname, port, tls: true, key: formatKey(this.#key), ...pin });
    // The certificate of an authority is verified by its names.
    const hosts = certificate.isOwn ? this.#hosts : certificate.names;
    const time = once
      ? "until the first client is done"
      : forMs === undefined
      ? "until this program ends"
      : `for ${formatDuration(forMs / 1000)}`;
    const verbs = can.join(", ").replace(/, (?!.*, )/, " and ");
    const addresses = hosts.map(address);
    if (toFile !== undefined) {
      await writePrivate(toFile, addresses.map((each) => `${each}\n`).join(""));
      err.line(`fxfer: Whoever reads ${toFile} may ${verbs} files here ${time}`);
      return;
    }
    const which = addresses.length === 1 ? "this address" : "one of these addresses";
    err.line(
      `fxfer: Whoever has ${which} may ${verbs} files here ${time} (fxfer send ADDRESS FILE…):`,
    );
    for (const each of addresses) out.line(each);
    if (!out.terminal) return;
    const { qrCode } = await import("./qr_code.ts");
    const code = await qrCode(addresses[0]!, out.columns, out.colour);
    for (const line of code) out.line(line);
  }

  /**
   * Calls `stop` when the share is over, also with the terminal that shows its address: it would stay open, and
   * nobody would see it. Until it is disposed of, a timer may run.
   */
  watch(events: Events, { out }: Output, stop: () => void): Disposable {
    const { once, forMs } = this.#asked;
    const hangup = out.terminal ? onHangup(stop) : undefined;
    const timer = forMs === undefined ? undefined : setTimeout(stop, forMs);
    // Connections without a session on which something was done.
    const busy = new Set<number>();
    const listening = events.subscribe((event) => {
      if (!once) return;
      switch (event.type) {
        case "transfer.stored":
        case "file.fetched":
        case "file.removed":
          if (event.session === undefined && event.connection !== undefined) {
            busy.add(event.connection);
          }
          return;
        case "session.closed":
          return stop();
        case "connection.closed":
          if (busy.has(event.connection)) stop();
      }
    });
    return {
      [Symbol.dispose]() {
        clearTimeout(timer);
        hangup?.[Symbol.dispose]();
        listening[Symbol.dispose]();
      },
    };
  }
}

/** The key of the shares of a folder; a new one where the folder has none, or may not be read. */
async function keptKey(folder: string): Promise<Key> {
  const path = `${folder}/${KEY_FILE}`;
  if (!await readable(path)) return newKey("share");
  try {
    await Deno.mkdir(folder, { recursive: true });
    const made = `${formatKey(newKey("share"))}\n`;
    await Deno.writeTextFile(path, made, { createNew: true, mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) {
      throw localError(`keep key in ${path}`, error);
    }
  }
  try {
    mustBePrivate((await Deno.stat(path)).mode, path);
    return parseKey((await Deno.readTextFile(path)).trim());
  } catch (cause) {
    throw new FxferError("unauthorized", `${reasonOf(cause)} (${path})`, { cause });
  }
}

/** What clients may call this machine: the host it listens on, or all its addresses. @throws {FxferError} */
async function hostsOf(host: string): Promise<readonly string[]> {
  if (host !== "0.0.0.0" && host !== "::") return [host];
  const name = "networkInterfaces";
  if ((await Deno.permissions.query({ name: "sys", kind: name })).state !== "granted") {
    throw new FxferError(
      "config_invalid",
      "Cannot share: the addresses of this machine are unknown; name the one to listen on with --host, " +
        "or run with --allow-sys=networkInterfaces",
    );
  }
  const found = Deno.networkInterfaces()
    .filter(({ family }) => family === "IPv4" || host === "::")
    .map(({ address }) => address.split("%")[0]!)
    // The address of one link means nothing without the link's name, which differs between machines.
    .filter((address) => parseAddress(address) !== undefined && !/^fe80:/i.test(address));
  const outside = found.filter((address) => !/^(127\.|::1$)/.test(address));
  return [...new Set(outside.length > 0 ? outside : found)];
}

/** Writes a file that only its owner may read, whole or not at all. */
async function writePrivate(path: string, text: string): Promise<void> {
  const draft = `${path}.${crypto.randomUUID().slice(0, 8)}`;
  try {
    await Deno.writeTextFile(draft, text, { createNew: true, mode: 0o600 });
    await Deno.rename(draft, path);
  } catch (error) {
    await Deno.remove(draft).catch(() => {});
    const why = error instanceof Deno.errors.NotCapable
      ? `it is not permitted (--allow-read and --allow-write=${path})`
      : reasonOf(error).replace(/: \w+ '.*'$/, ""); // which names the draft
    throw localError(`write ${path}`, error, why);
  }
}
