/** What comes with every listener: errors that say what to change, and the line that says where. @module */
import type { Config } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Durability } from "../storage/mod.ts";
import type { Output } from "../terminal/mod.ts";

/**
 * Errors of listening in words that say what to change.
 *
 * @param hint What picks a free port.
 */
export function listen<T>(host: string, port: number, hint: string, start: () => T): T {
  try {
    return start();
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new FxferError(
        "local_io",
        `Cannot listen: port ${port} of ${host} is in use (${hint} picks a free one)`,
        { cause },
      );
    }
    if (cause instanceof Deno.errors.AddrNotAvailable || cause instanceof Deno.errors.NotCapable) {
      throw new FxferError("local_io", `Cannot listen on ${host} port ${port}: ${cause.message}`, {
        cause,
      });
    }
    throw cause;
  }
}

/** What picks a free port for the server. */
export const PORT_HINT = "--port 0";

/** Where a server listens, and what it promises. */
export interface Announced {
  readonly hostname: string;
  readonly port: number;
  readonly tier: string;
  readonly durability: Durability;
  /** Above 1: how many serve the port. */
  readonly workers?: number;
}

/** The one line that must be seen. */
export function announce(
  { hostname, port, tier, durability, workers }: Announced,
  config: Config,
  log: Logger,
  { out }: Output,
): void {
  log.info("server.listening", {
    hostname,
    port,
    mode: config.server.mode,
    storage: config.storage.path,
    tier,
    durability,
    ...(config.server.mode === "stateless" ? {} : { sessions: config.stateful.persistence }),
    ...(workers === undefined ? {} : { workers }),
  });
  // Also where --quiet hides the log: with port 0 nobody else knows the port.
  if (!log.enabled("info") && config.server.port === 0) out.line(`${hostname}:${port}`);
}

/** Starts the health listener, where one is wanted; `start` makes it on a port. */
export function listenForHealth<T extends { readonly addr: Deno.NetAddr }>(
  { server: { health_port: port, host } }: Config,
  log: Logger,
  start: (port: number) => T,
): T | undefined {
  if (port === "off") return undefined;
  const health = listen(host, port, "--set server.health_port=0", () => start(port));
  log.info("health.listening", { hostname: health.addr.hostname, port: health.addr.port });
  return health;
}
