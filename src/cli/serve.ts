/** `fxfer serve`: its flags, the configuration they make, and the server's life. @module */
import { Health, Readiness } from "../admin/mod.ts";
import { type Config, loadConfig, type LoadOptions } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import { createLogger, type Logger } from "../log.ts";
import { serve, type ServeOptions, type Server } from "../server/mod.ts";
import type { CommandSpec, ParsedArgs } from "./args.ts";
import type { Command } from "./command.ts";
import { CONFIG_OPTIONS, loadOptions } from "./config_flags.ts";
import { logSink, type Output } from "./output.ts";
import { onStop } from "./signals.ts";
import { wire } from "./wire.ts";

/** The flags of `fxfer serve`. */
export const SERVE: CommandSpec = {
  name: "serve",
  summary: "Receive files until stopped",
  options: {
    ...CONFIG_OPTIONS,
    trace: { help: "Log every change of every session, with the rule behind it" },
    quiet: { short: "q", help: "Log warnings and errors only" },
  },
  details: [
    "Defaults come first, then the configuration file, then flags and --set. The file is read only " +
    "where reading it is permitted.",
    "SIGTERM and SIGINT end it gracefully: uploads under way get server.drain_timeout seconds, then " +
    "they are cut and can be resumed. A second signal ends it at once.",
  ],
};

/** What `loadConfig` needs to know of the flags of `fxfer serve`. */
export function serveLoadOptions(args: ParsedArgs): LoadOptions {
  const quiet = { flag: "--quiet", path: "logging.level", value: "warn" };
  const options = loadOptions(args);
  return args.has("quiet") ? { ...options, flags: [...options.flags, quiet] } : options;
}

/** `fxfer serve`. */
export const SERVE_COMMAND: Command = { spec: SERVE, run: runServe };

async function runServe(args: ParsedArgs, output: Output): Promise<number> {
  const { config, notes } = await loadConfig(serveLoadOptions(args));
  const { level, format } = config.logging;
  const sink = logSink(output.err, format);
  const log = createLogger(sink, level);
  for (const note of notes) log.info("config.note", { note });

  // Also where --quiet hides the rest: who asks for a trace wants to see it.
  const trace = args.has("trace") ? createLogger(sink, "info") : undefined;
  await using parts = await wire(config, log, trace);
  const { host, port } = config.server;
  await using server = listen(host, port, "--port 0", () => serve(parts.options));
  await using _health = serveHealth(config, parts.options, server, log);
  announce(server, config, parts.options, log, output);
  using _signals = onStop((signal) => {
    log.info("server.signal", { signal });
    server.shutdown();
  });
  await server.finished;
  return 0;
}

/** Errors of listening in words that say what to change. */
function listen<T>(host: string, port: number, hint: string, start: () => T): T {
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

/** The health listener, where one is wanted. */
function serveHealth(
  { server: { health_port: port, host } }: Config,
  { storage, store }: ServeOptions,
  server: Server,
  log: Logger,
): Health | undefined {
  if (port === "off") return undefined;
  const readiness = new Readiness({ server, storage, store }, log);
  const hint = "--set server.health_port=0";
  const health = listen(host, port, hint, () => new Health({ hostname: host, port }, readiness));
  log.info("health.listening", { hostname: health.addr.hostname, port: health.addr.port });
  return health;
}

/** The one line that must be seen: where it listens, and what it promises. */
function announce(
  { addr: { hostname, port } }: Server,
  config: Config,
  { storage }: ServeOptions,
  log: Logger,
  { out }: Output,
): void {
  log.info("server.listening", {
    hostname,
    port,
    mode: config.server.mode,
    storage: config.storage.path,
    tier: storage.tier,
    durability: storage.durability,
    ...(config.server.mode === "stateless" ? {} : { sessions: config.stateful.persistence }),
  });
  // Also where --quiet hides the log: with port 0 nobody else knows the port.
  if (!log.enabled("info") && config.server.port === 0) out.line(`${hostname}:${port}`);
}
