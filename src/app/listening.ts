/** What comes with every listener: errors that say what to change, and the line that says where. @module */
import type { Config } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import { isLogged, type Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
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
  { server: { mode, port: asked }, storage, stateful }: Config,
  events: Events,
  log: Logger,
  { out }: Output,
): void {
  const sessions = mode === "stateless" ? undefined : stateful.persistence;
  events.emit({
    type: "server.listening",
    ...{ hostname, port, mode, storage: storage.path, tier, durability },
    ...omitUndefined({ sessions, workers }),
  });
  // Also where --quiet hides the log: with port 0 nobody else knows the port.
  if (!isLogged("server.listening", log) && asked === 0) out.line(`${hostname}:${port}`);
}

/** Starts the health listener, where one is wanted; `start` makes it on a port. */
export function listenForHealth<T extends { readonly addr: Deno.NetAddr }>(
  { server: { health_port: port, host } }: Config,
  events: Events,
  start: (port: number) => T,
): T | undefined {
  if (port === "off") return undefined;
  const health = listen(host, port, "--set server.health_port=0", () => start(port));
  const { hostname, port: chosen } = health.addr;
  events.emit({ type: "health.listening", hostname, port: chosen });
  return health;
}
