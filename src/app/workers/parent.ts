/**
 * The main thread of a server with several workers. It serves no client itself: it starts the workers,
 * writes what they log, stops them at a signal, and answers for all of them whether they are ready.
 *
 *     parent ──start, check, stop──> worker 1 … N     each with listener, storage and store of its own
 *            <──listening, log, …──                   on one port (SO_REUSEPORT): Linux picks who accepts
 *
 * What they have together is in memory that all of them see: counts and promises (shared_memory.ts), and, unless
 * a store has them, the sessions (src/store/shared.ts). What users have sent and stored is then counted here, and
 * workers ask for it (ledger.ts). A worker that dies takes none of this along; the death of this thread is that
 * of the process, and ends what is kept in memory, as with one worker.
 *
 * Web Workers and not processes: a process could be started only with permission to run programs. The
 * price is one permission to read, of the program's own files, when it is run from source.
 *
 * @module
 */
import type { Config } from "../../config/mod.ts";
import { FxferError } from "../../errors.ts";
import type { Events } from "../../events.ts";
import type { LogEvent, Logger, LogThreshold } from "../../log.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { onStop, type Output } from "../../terminal/mod.ts";
import type { Certificate } from "../certificate.ts";
import type { KeySource } from "../keys.ts";
import { announce, listen, listenForHealth } from "../listening.ts";
import { openHooks } from "../hooks.ts";
import { liveKeys } from "../live_keys.ts";
import { MemoryLedger } from "../../keys/mod.ts";
import { SharedSessionStore } from "../../store/mod.ts";
import { freeSpace, openDoor, readMoveKey, readToken, wantsDoor } from "../operators.ts";
import { openForOperators } from "../parts.ts";
import type { SettledConfig } from "../persistence.ts";
import { RunningSettings } from "../running_settings.ts";
import { answerAsk } from "./ledger.ts";
import { Pool, type WorkerEvents, type WorkerHandle } from "./pool.ts";
import { createSharedMemory, reclaim, SharedBudgetLedger, usedBytes } from "./shared_memory.ts";
import { type StartWorker, WORKER_MODULE } from "./worker.ts";

/** Besides the drain time, a stop may take this long: workers need it to close their connections. */
const GOODBYE_MS = 15_000;

/** What {@linkcode serveWorkers} works with. */
export interface ParentOptions {
  readonly config: SettledConfig;
  /** The certificate, where there is TLS. */
  readonly certificate: Certificate | undefined;
  /** 2 or more. */
  readonly workers: number;
  /** Whether the workers tell all events, and not only those that the log has lines for. */
  readonly trace: boolean;
  readonly threshold: LogThreshold;
  /** The version of the program, for operators. */
  readonly version: string;
  /** Reads file and flags again. */
  readonly load: () => Promise<Config>;
  /** Is given what reads the settings again, to be called at a hangup. */
  readonly onSettings: (settings: RunningSettings) => void;
  readonly sink: (event: LogEvent) => void;
  readonly log: Logger;
  /** Where the events of the parent and of the workers are told. */
  readonly events: Events;
  readonly output: Output;
  /** The users' keys; absent where there are none. */
  readonly keys?: KeySource | undefined;
}

/** Serves with several workers until stopped; returns the exit code. */
export async function serveWorkers(options: ParentOptions): Promise<number> {
  const { config, certificate, workers, trace: allEvents, sink, log, events, output, keys } =
    options;
  await mustReadItself();
  const token = wantsDoor(config) ? await readToken(config) : undefined;
  const { host, port: wanted, tls, drain_timeout } = config.server;
  using held = new DisposableStack();
  const port = wanted === "off" ? wanted : await holdPort(host, wanted, held);
  const tlsPort = certificate && await holdPort(host, tls.port, held);
  const isInMemory = config.stateful.persistence === "memory";
  const hasSessions = config.server.mode !== "stateless";
  const shared = createSharedMemory(workers, isInMemory && hasSessions);
  const ledger = isInMemory && keys !== undefined ? new MemoryLedger() : undefined;
  const ports = { port, tlsPort };
  const counts = wantsDoor(config);
  let start = {
    type: "start" as const,
    config: configOfWorker(config, ports, workers),
    allEvents,
    counts,
    shared,
  };
  const pool = new Pool({
    workers,
    spawn: (worker, life) =>
      spawnWorker(WORKER_MODULE, {
        ...{ ...start, worker },
        tls: certificate?.current,
        ...omitUndefined({ keys: keys?.text, ledgerMs: ledger && Date.now() - ledger.since }),
      }, life),
    reclaim: (worker) => reclaim(shared, worker),
    sink,
    events,
    ...(ledger && { answer: (ask) => answerAsk(ledger, ask) }),
    stopMs: drain_timeout * 1000 + GOODBYE_MS,
  });
  const settings = new RunningSettings({
    config,
    sessions: hasSessions,
    load: options.load,
    events,
    apply(config) {
      options.threshold.level = config.logging.level;
      start = { ...start, config: configOfWorker(config, ports, workers) };
      pool.tell({ type: "settings", config: start.config });
    },
  });
  options.onSettings(settings);
  keys?.onChange((text) => pool.tell({ type: "keys", keys: text }));
  using _signals = onStop((signal) => {
    events.emit({ type: "server.signal", signal });
    pool.stop();
  });
  try {
    const listening = await Promise.race([pool.listening, pool.finished]);
    held.dispose();
    if (listening === undefined) return 0; // told to stop before it had begun
    await using _health = await listenForHealth(config, events, pool, log);
    await using opened = new AsyncDisposableStack();
    if (counts || config.hooks.url !== "none") {
      const tell = (id: string, epoch: number) => pool.tell({ type: "taken", id, epoch });
      const ours = {
        budgetLedger: new SharedBudgetLedger(shared, 1),
        store: shared.sessions && opened.use(new SharedSessionStore(shared.sessions, { tell })),
        ledger,
      };
      const parts = await openForOperators(config, log, ours, keys !== undefined);
      const { storage, store, ledger: quotas } = opened.use(parts);
      const hooks = await openHooks(config, storage, events, log);
      if (hooks !== undefined) opened.use(hooks);
      const plant = {
        ...{ version: options.version, log, events, settings, storage, store, workers },
        readiness: pool,
        samples: () => pool.samples(),
        watch(on: boolean) {
          start = { ...start, allEvents: allEvents || on };
          pool.tell({ type: "watch", allEvents: start.allEvents });
        },
        used: () => usedBytes(shared),
        free: await freeSpace(config.storage.path, log),
        quotas,
        keys: keys && liveKeys(keys, quotas),
        moveKey: await readMoveKey(config),
        hooks,
        certificateUntil: certificate && (() => certificate.current.notAfter),
        drain: () => pool.stop(),
      };
      if (counts) opened.use(await openDoor(config, token, plant, events, certificate?.current));
    }
    const { hostname, tier, durability } = listening;
    const where = { hostname, tier, durability, workers };
    const all = { ...ports, certificate: certificate?.current };
    announce(where, all, config, events, log, output, keys?.lines().length);
    await certificate?.watch(async (tls) => await pool.tell({ type: "certificate", tls }));
    if (listening.uploadIdsApart === true) {
      // S-TRF-9 in part: what another worker has stored cannot be read here.
      log.warn("workers.upload_ids_apart", { needs: "--allow-read=<storage folder>" });
    }
    await pool.finished;
    return 0;
  } finally {
    pool.stop();
    await pool.finished.catch(() => {});
  }
}

/**
 * The configuration of each of `count` workers on these ports. The connections of one address are spread over
 * all workers, so each worker allows its part of the rates. Every other limit is counted over all workers
 * (shared_memory.ts, the session store), or holds for one connection or session.
 */
export function configOfWorker(
  config: Config,
  { port, tlsPort = 0 }: { readonly port: number | "off"; readonly tlsPort?: number | undefined },
  count: number,
): Config {
  const { rate } = config.limits;
  const part = (value: number) => Math.max(1, Math.ceil(value / count));
  return {
    ...config,
    server: {
      ...{ ...config.server, port, workers: 1 },
      tls: { ...config.server.tls, port: tlsPort },
    },
    limits: {
      ...config.limits,
      rate: rate === "off" ? "off" : {
        connections_per_second: part(rate.connections_per_second),
        sessions_per_minute: part(rate.sessions_per_minute),
      },
    },
  };
}

/** Makes sure that workers can load the program's modules, which takes the permission to read them. */
async function mustReadItself(): Promise<void> {
  const path = new URL("../../", import.meta.url);
  if (path.protocol !== "file:") return;
  if ((await Deno.permissions.query({ name: "read", path })).state === "granted") return;
  throw new FxferError(
    "config_invalid",
    "Cannot start workers: they load the program's own files, run with --allow-read for its src " +
      "folder too, or use the compiled program, or set server.workers to 1",
  );
}

/** The port to use. A free one is held until the workers listen, so that no other program gets it meanwhile. */
async function holdPort(hostname: string, wanted: number, held: DisposableStack): Promise<number> {
  if (wanted !== 0) {
    await checkPort(hostname, wanted);
    return wanted;
  }
  const listening = () => Deno.listen({ hostname, port: 0, reusePort: true });
  return held.use(listen(hostname, 0, listening)).addr.port;
}

/**
 * Makes sure that no other program serves a port: a second fxfer with workers would silently get a part of
 * the first one's connections. It tries to connect, because a listener of the parent would take connections
 * before any worker can serve them. The workers find out what else is wrong with the port.
 */
async function checkPort(hostname: string, port: number): Promise<void> {
  using conn = await Deno.connect({ hostname, port }).catch(() => undefined);
  // Without a listener the system may connect a port with itself.
  if (conn === undefined || conn.localAddr.port === port) return;
  listen(hostname, port, () => {
    throw new Deno.errors.AddrInUse();
  });
}

/** Starts a worker thread that runs a module such as {@linkcode WORKER_MODULE}. */
export function spawnWorker(
  module: string,
  start: StartWorker,
  events: WorkerEvents,
): WorkerHandle {
  const worker = new Worker(module, { type: "module", name: `fxfer ${start.worker}` });
  worker.onmessage = ({ data }) => events.message(data);
  worker.onerror = (event) => {
    event.preventDefault(); // else the error would end the parent
    events.died(event.message);
  };
  worker.postMessage(start);
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => worker.terminate(),
  };
}
