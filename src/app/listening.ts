/** Opens listeners, with errors that say what to change, and announces where they listen. @module */
import { Health, type Readiness } from "../admin/mod.ts";
import type { Config } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import type { EventFacts, Events } from "../events.ts";
import { isLogged, type Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { Output } from "../terminal/mod.ts";

/** Whether operators ask at the port of health, too, so that the door for them answers for both. */
function answersHealth({ admin, server }: Config): boolean {
  return admin.port !== 0 && admin.port === server.health_port && admin.host === server.host;
}

/** Calls `start`, which listens; errors say what to change. @param hint The flag that picks a free port. */
export function listen<T>(host: string, port: number, start: () => T, hint = "--port 0"): T {
  try {
    return start();
  } catch (cause) {
    const failure = (words: string) =>
      new FxferError("local_io", `Cannot listen${words}`, { cause });
    if (cause instanceof Deno.errors.AddrInUse) {
      throw failure(`: port ${port} of ${host} is in use (${hint} picks a free one)`);
    }
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw failure(
        ` on port ${port}: this user may not (ports below 1024 are for root, or for a program with ` +
          `CAP_NET_BIND_SERVICE; ${hint} picks another one)`,
      );
    }
    // Deno has no class of its own for a name that cannot be looked up.
    if (cause instanceof Error && /lookup address/.test(cause.message)) {
      throw failure(` on ${host}: no address belongs to this name (server.host)`);
    }
    // What the system says of its own accord; a mistake of the program stays one.
    if (isOfSystem(cause)) throw failure(` on ${host} port ${port}: ${cause.message}`);
    throw cause;
  }
}

const isOfSystem = (cause: unknown): cause is Error =>
  cause instanceof Error &&
  (cause.constructor === Error || Object.values(Deno.errors).some((kind) => cause instanceof kind));

/** Tells where a server listens and what it promises. */
export function announce(
  { hostname, port, tier, durability, workers }: Omit<EventFacts["server.listening"], "mode">,
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
  // The user cannot know a port that the system chose, so --quiet does not hide it.
  if (!isLogged("server.listening", log) && asked === 0) out.line(`${hostname}:${port}`);
}

/** Starts the health listener, if the configuration wants one. */
export function listenForHealth(
  config: Config,
  events: Events,
  readiness: Pick<Readiness, "check">,
  log: Logger,
): Health | undefined {
  const { server: { health_port, host } } = config;
  if (health_port === "off" || answersHealth(config)) return undefined;
  const start = () => new Health({ hostname: host, port: health_port }, readiness, log);
  const health = listen(host, health_port, start, "--set server.health_port=0");
  const { hostname, port } = health.addr;
  events.emit({ type: "health.listening", hostname, port });
  return health;
}
