/** `fxfer serve`: its flags, and running the server until it is stopped. @module */
import { Readiness } from "../admin/readiness.ts";
import {
  announce,
  askBefore,
  freeSpace,
  keepServing,
  listenForHealth,
  listenToServe,
  liveKeys,
  maskAddresses,
  mustBeMeant,
  openCertificate,
  openDoor,
  openHooks,
  openKeys,
  openParts,
  readMoveKey,
  readToken,
  RunningSettings,
  serveOptions,
  serveWorkers,
  settle,
  spareMemory,
  wantsDoor,
  workerCount,
} from "../app/mod.ts";
import { loadConfig } from "../config/mod.ts";
import { Events } from "../events.ts";
import { createLogger, logEvents, type Logger } from "../log.ts";
import { serve } from "../server/mod.ts";
import { logSink, onHangup, onStop, type Output } from "../terminal/mod.ts";
import type { CommandSpec, ParsedArgs } from "./args.ts";
import type { Command } from "./command.ts";
import { CONFIG_OPTIONS, flagFor, loadOptions } from "./config_flags.ts";
import { readShareArgs, SHARE_OPTIONS, withShare } from "./share/args.ts";
import { SUMMARIES } from "./summaries.ts";
import { FXFER_VERSION } from "./version.ts";

export const SERVE: CommandSpec = {
  name: "serve",
  summary: SUMMARIES.serve,
  options: {
    ...CONFIG_OPTIONS,
    keys: flagFor("security.keys", "FILE"),
    ...SHARE_OPTIONS,
    trace: { help: "Log every change of every session, with the rule behind it" },
    "keep-names": {
      help: "Store files under the names their senders gave them, with their folders",
    },
    quiet: { short: "q", help: "Log warnings and errors only" },
  },
  details: [
    "Defaults come first, then the configuration file, then flags and --set. The file is read only " +
    "where reading it is permitted.",
    "SIGTERM and SIGINT end it gracefully: uploads under way get server.drain_timeout seconds, then " +
    "they are cut and can be resumed. A second signal ends it at once. SIGHUP, after the file behind " +
    "standard error was renamed, makes the log go on in a new one (on Linux, with --allow-read), and " +
    "reads the files of the certificate again, as the server does by itself every 2 seconds.",
    "With --share whoever has the printed address may come in, and nobody else. The address stays the " +
    "same from share to share, and with --once or --for it is never valid again. It holds a key: give " +
    "it only to those who should have it, and see --to-file.",
  ],
};

/** The options of `loadConfig` that the flags of `fxfer serve` ask for. */
export function serveLoadOptions(args: ParsedArgs): ReturnType<typeof loadOptions> {
  const quiet = { flag: "--quiet", path: "logging.level", value: "warn" };
  const keepNames = { flag: "--keep-names", path: "storage.naming", value: "original" };
  const options = loadOptions(args);
  const flags = [...options.flags];
  if (args.has("keep-names")) flags.push(keepNames);
  if (args.has("quiet")) flags.push(quiet);
  return { ...options, flags };
}

export const SERVE_COMMAND: Command = { spec: SERVE, run: runServe };

async function runServe(args: ParsedArgs, output: Output): Promise<number> {
  const shared = readShareArgs(args);
  const asked = serveLoadOptions(args);
  const from = shared === undefined ? asked : withShare(asked);
  const load = async () => await settle((await loadConfig(from)).config);
  const { config: written, notes } = await loadConfig(from);
  const config = await settle(written);
  const { level, format } = config.logging;
  const sink = maskAddresses(logSink(output.err, format), config.logging.addresses);
  const threshold = { level };
  const log = createLogger(sink, threshold);
  for (const note of notes) log.info("config.note", { note });
  mustBeMeant(config);
  const share = shared && await (await import("./share/share.ts")).Share.open(shared, config);
  using keys = await openKeys(config, log, share?.keys);
  using _guard = keepServing(log);
  const events = new Events((cause) => log.error("listener.failed", { cause }));
  logEvents(events, log);
  // --quiet does not hide the trace: it was asked for.
  const trace = args.has("trace");
  if (trace) (await import("../trace/mod.ts")).traceEvents(events, createLogger(sink, "info"));

  using certificate = await openCertificate(config, events, log);
  let settings: RunningSettings | undefined;
  using _hangup = onHangup(() => {
    reopenLog(output, log);
    void certificate?.reload();
    void keys?.look();
    void settings?.reload();
  });
  if (config.server.workers !== 1) {
    const machine = { os: Deno.build.os, cores: navigator.hardwareConcurrency };
    const workers = workerCount(config, machine);
    if (workers > 1) {
      return await serveWorkers({
        ...{ config, certificate, keys, workers, trace, sink, log, threshold, events, output },
        ...{ load, version: FXFER_VERSION },
        onSettings: (running) => settings = running,
      });
    }
  }
  const token = wantsDoor(config) ? await readToken(config) : undefined;
  const pair = certificate?.current;
  await using parts = await openParts(config, log, events, keys?.keyring(), undefined, pair);
  const operate = wantsDoor(config) ? await import("../operate/mod.ts") : undefined;
  using tally = operate && new operate.Tally();
  const options = operate && tally ? operate.counted(parts.options, tally) : parts.options;
  using _admission = await askBefore(config, options.storage, log);
  await using server = listenToServe(config, () => serve(options));
  using _memory = await spareMemory(server);
  const { storage, store } = parts.options;
  settings = new RunningSettings({
    ...{ config, load, events },
    sessions: store !== undefined,
    apply(config) {
      threshold.level = config.logging.level;
      server.reconfigure(serveOptions(config));
    },
  });
  const certificateUntil = () => certificate?.current.notAfter ?? Infinity;
  const readiness = new Readiness({ server, storage, store, certificateUntil }, log);
  await using _health = await listenForHealth(config, events, readiness, log);
  const stop = () => void server.shutdown();
  // Before anybody is told that the server is there, and may then stop it.
  using _signals = onStop((signal) => {
    events.emit({ type: "server.signal", signal });
    stop();
  });
  await using doors = new AsyncDisposableStack();
  const hooks = await openHooks(config, storage, events, log);
  if (hooks !== undefined) doors.use(hooks);
  if (tally !== undefined) {
    tally.server = server;
    const plant = {
      ...{ version: FXFER_VERSION, log, events, readiness, settings, store, storage, workers: 1 },
      samples: () => Promise.resolve([tally.sample()]),
      watch: () => {},
      used: () => tally.usage?.().used ?? 0,
      free: await freeSpace(config.storage.path, log),
      certificateUntil: certificate && certificateUntil,
      hooks,
      quotas: options.security?.ledger,
      keys: keys && liveKeys(keys, options.security?.ledger),
      moveKey: await readMoveKey(config),
      drain: stop,
    };
    doors.use(await openDoor(config, token, plant, events, pair));
  }
  const { label: tier, durability } = storage;
  const { hostname, port } = server.addr;
  const ports = {
    ...{ port: config.server.port === "off" ? "off" as const : port },
    ...{ tlsPort: server.tlsAddr?.port, certificate: pair, isTold: share !== undefined },
  };
  const where = { hostname, tier, durability };
  announce(where, ports, config, events, log, output, keys?.lines().length);
  await certificate?.watch((found) => server.changeCertificate(found));
  using _end = share?.watch(events, output, stop);
  await share?.tell(server.tlsAddr!.port, pair!, output);
  await server.finished;
  return 0;
}

/** Where the log cannot be opened anew, it goes on where it is: in the file of the former name, say. */
function reopenLog({ reopen }: Output, log: Logger): void {
  try {
    if (reopen?.()) log.info("log.reopened");
  } catch (cause) {
    log.warn("log.not_reopened", { cause });
  }
}
