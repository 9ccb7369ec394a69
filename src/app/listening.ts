/** Opens listeners, with errors that say what to change, and announces where they listen. @module */
import { Health, type Readiness } from "../admin/mod.ts";
import type { Config } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import type { EventFacts, Events } from "../events.ts";
import { isLogged, type Logger } from "../log.ts";
import { accessFacts } from "./keys.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { Output } from "../terminal/mod.ts";

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

/** Tells where a server listens, what it promises, and who may do what. @param users How many there are. */
export function announce(
  { hostname, port, tier, durability, workers }: Omit<EventFacts["server.listening"], "mode">,
  config: Config,
  events: Events,
  log: Logger,
  { out }: Output,
  users = 0,
): void {
  const { server: { mode, port: asked }, storage, stateful } = config;
  const sessions = mode === "stateless" ? undefined : stateful.persistence;
  events.emit({
    type: "server.listening",
    ...{ hostname, port, mode, storage: storage.path, tier, durability },
    ...omitUndefined({ sessions, workers }),
  });
  log.info("server.access", accessFacts(config, users));
  // The user cannot know a port that the system chose, so --quiet does not hide it.
  if (!isLogged("server.listening", log) && asked === 0) out.line(`${hostname}:${port}`);
}

/** Starts the health listener, if the configuration wants one. */
export function listenForHealth(
  { server: { health_port, host } }: Config,
  events: Events,
  readiness: Pick<Readiness, "check">,
  log: Logger,
): Health | undefined {
  if (health_port === "off") return undefined;
  const start = () => new Health({ hostname: host, port: health_port }, readiness, log);
  const health = listen(host, health_port, start, "--set server.health_port=0");
  const { hostname, port } = health.addr;
  events.emit({ type: "health.listening", hostname, port });
  return health;
}
