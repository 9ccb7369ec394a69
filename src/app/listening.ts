/** Opens listeners, with errors that say what to change, and announces where they listen. @module */
import type { Health, Readiness } from "../admin/mod.ts";
import type { Config } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import type { EventFacts, Events } from "../events.ts";
import { isLogged, type Logger } from "../log.ts";
import { accessFacts } from "./access.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { Output } from "../terminal/mod.ts";
import { formatServerUrl } from "../server_url.ts";
import type { ServerCertificate } from "../tls/mod.ts";

/** Calls `start`, which listens on the ports of a configuration; errors say what to change. */
export function listenToServe<T>({ server: { host, port, tls } }: Config, start: () => T): T {
  if (tls.certificate === "off") return listen(host, port, start);
  const hint = "--set server.tls.port=0";
  if (port === "off") return listen(host, tls.port, start, hint);
  return listen(host, `${port} or ${tls.port}`, start, `--port 0 or ${hint}`);
}

/** Whether operators ask at the port of health, too, so that the door for them answers for both. */
function answersHealth({ admin, server }: Config): boolean {
  return admin.port !== 0 && admin.port === server.health_port && admin.host === server.host;
}

/** Calls `start`, which listens; errors say what to change. @param hint The flag that picks a free port. */
export function listen<T>(
  host: string,
  port: number | string,
  start: () => T,
  hint = "--port 0",
): T {
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

/** The ports of a server, and what it shows on the one for TLS. */
export interface Ports {
  readonly port: number | "off";
  readonly tlsPort?: number | undefined;
  readonly certificate?: ServerCertificate | undefined;
  /** Whether the program itself tells its user where it listens. */
  readonly isTold?: boolean;
}

/** Tells where a server listens, what it promises, and who may do what. @param users How many there are. */
export function announce(
  { hostname, tier, durability, ...where }: Omit<EventFacts["server.listening"], "mode" | "port">,
  { port, tlsPort, certificate, isTold = false }: Ports,
  config: Config,
  events: Events,
  log: Logger,
  { out }: Output,
  users = 0,
): void {
  const { server: { mode, port: asked, tls }, storage, stateful } = config;
  const sessions = mode === "stateless" ? undefined : stateful.persistence;
  events.emit({
    type: "server.listening",
    ...{ hostname, port, mode, storage: storage.path, tier, durability },
    ...omitUndefined({ sessions, tls_port: tlsPort, ...where }),
    ...(certificate && certificateFacts(certificate)),
  });
  const access = accessFacts(config, users);
  const isShut = users === 0 && access.anonymous === "nothing";
  if (isShut) {
    log.warn("server.access", { ...access, effect: "nobody may come in: no user has a key" });
  } else log.info("server.access", access);
  if (isTold || isLogged("server.listening", log)) return;
  // The user cannot know a port that the system chose, so --quiet does not hide it.
  if (asked === 0) out.line(`${hostname}:${port}`);
  if (tlsPort === undefined || tls.port !== 0) return;
  const pin = certificate?.isOwn ? { pin: certificate.pin } : {};
  out.line(formatServerUrl({ tls: true, hostname, port: tlsPort, ...pin }));
}

/** What events tell of a certificate. */
export function certificateFacts(
  { isOwn, pin, notAfter }: ServerCertificate,
): { pin: string } | { until: string } {
  return isOwn ? { pin } : { until: new Date(notAfter).toISOString() };
}

/** Starts the health listener, if the configuration wants one. */
export async function listenForHealth(
  config: Config,
  events: Events,
  readiness: Pick<Readiness, "check">,
  log: Logger,
): Promise<Health | undefined> {
  const { server: { health_port, host } } = config;
  if (health_port === "off" || answersHealth(config)) return undefined;
  const { Health } = await import("../admin/mod.ts");
  const start = () => new Health({ hostname: host, port: health_port }, readiness, log);
  const health = listen(host, health_port, start, "--set server.health_port=0");
  const { hostname, port } = health.addr;
  events.emit({ type: "health.listening", hostname, port });
  return health;
}
