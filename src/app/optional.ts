/** The parts of a server that a configuration may leave out: their modules are loaded only where it has them. @module */
import type { Config } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Logger } from "../log.ts";
import type { Certificate } from "./certificate.ts";
import type { KeySource } from "./keys.ts";
import type { ParentOptions } from "./workers/parent.ts";

/**
 * Opens the users' keys.
 *
 * @param text The keys, where the program has them already. @default what the configuration names
 * @returns Undefined where there are none.
 * @throws {FxferError} `unauthorized`, if the file cannot be read, others may read it, or it has a fault.
 */
export async function openKeys(
  config: Config,
  log: Logger,
  text?: string,
): Promise<KeySource | undefined> {
  if (config.security.keys === "off") return undefined;
  const { KeySource } = await import("./keys.ts");
  return text === undefined ? await KeySource.open(config, log) : KeySource.of(text, log);
}

/** Opens the certificate; undefined where there is no TLS. @throws {FxferError} It cannot be used. */
export async function openCertificate(
  config: Config,
  events: Events,
  log: Logger,
): Promise<Certificate | undefined> {
  const { server: { tls, port } } = config;
  if (tls.certificate !== "off") {
    return await (await import("./certificate.ts")).Certificate.open(config, events, log);
  }
  if (port !== "off") return undefined;
  throw new FxferError(
    "config_invalid",
    "Cannot use configuration: server.port is off, and so is server.tls.certificate (set it to " +
      "self, or to a file)",
  );
}

/** Serves with several workers until stopped; returns the exit code. */
export async function serveWorkers(options: ParentOptions): Promise<number> {
  return await (await import("./workers/parent.ts")).serveWorkers(options);
}
