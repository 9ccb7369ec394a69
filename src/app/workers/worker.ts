/**
 * One worker: a thread with a server and an event loop of its own, on the port that all workers share.
 * Log lines, events and answers go to the parent as messages; a worker writes nothing to the terminal.
 *
 * @module
 */
import { Readiness, type ReadyState } from "../../admin/readiness.ts";
import type { Config } from "../../config/mod.ts";
import { type Code, FxferError } from "../../errors.ts";
import { type EventFacts, Events, type ServerEvent } from "../../events.ts";
import { createLogger, describeError, isLogged, type LogEvent } from "../../log.ts";
import { serve } from "../../server/mod.ts";
import { Keyring } from "../../keys/mod.ts";
import type { KeyPair } from "../../tls/mod.ts";
import { keepServing } from "../guard.ts";
import { askBefore } from "../hooks.ts";
import { readLines } from "../keys.ts";
import { listenToServe } from "../listening.ts";
import type { Sample, Tally } from "../../operate/mod.ts";
import { openParts, type Together } from "../parts.ts";
import { serveOptions } from "../serve_options.ts";
import { spareMemory } from "../spare_memory.ts";
import { SharedSessionStore } from "../../store/mod.ts";
import { AskedLedger, type LedgerAnswer, type LedgerAsk } from "./ledger.ts";
import { SharedBudgetLedger, SharedConnectionCount, type SharedMemory } from "./shared_memory.ts";

/** The address of this module. As the parent imports it, `deno compile` sees the module and embeds it. */
export const WORKER_MODULE: string = import.meta.url;

/** The first message: everything a worker needs to serve. */
export interface StartWorker {
  readonly type: "start";
  /** Counted from 1. */
  readonly worker: number;
  /** The configuration of one worker, by `configOfWorker`. */
  readonly config: Config;
  /** Whether the parent wants all events, or only those that the level of the log lets through. */
  readonly allEvents: boolean;
  /** Whether the worker counts what it does, for operators. */
  readonly counts: boolean;
  /** The certificate, where there is TLS. */
  readonly tls?: TlsOfWorker | undefined;
  readonly shared: SharedMemory;
  /** For how long the main thread has had the users' ledger, in milliseconds; absent where it has none. */
  readonly ledgerMs?: number;
  /** The users' keys, as text; absent where there are none. */
  readonly keys?: string;
}

/** A certificate with its key, and its end in milliseconds since 1970. */
export interface TlsOfWorker extends KeyPair {
  readonly notAfter: number;
}

/** The messages of the parent. */
export type ToWorker =
  | StartWorker
  /** Asks whether the worker is ready; answered by `checked`. */
  | { readonly type: "check"; readonly check: number }
  /** Asks what the worker has counted; answered by `sampled`. */
  | { readonly type: "sample"; readonly check: number }
  /** Changes the settings to those of this configuration, which was checked. */
  | { readonly type: "settings"; readonly config: Config }
  /** Says whether all events are wanted from now on. */
  | { readonly type: "watch"; readonly allEvents: boolean }
  /** New connections get another certificate. */
  | { readonly type: "certificate"; readonly tls: TlsOfWorker }
  /** The users' keys have changed. */
  | { readonly type: "keys"; readonly keys: string }
  /** Answers `ledger`. */
  | { readonly type: "ledger"; readonly call: number; readonly answer: LedgerAnswer }
  | Taken
  /** Tells the worker to stop gracefully (S-DRN-1); answered by `stopped`. */
  | { readonly type: "stop" };

/** A session has a new holder: the message of a store in shared memory, from a thread to all others (S-TAKE-3). */
export interface Taken {
  readonly type: "taken";
  readonly id: string;
  readonly epoch: number;
}

/** Where a worker listens, and what its storage promises. */
export interface Listening
  extends Pick<EventFacts["server.listening"], "hostname" | "tier" | "durability"> {
  /** True when a worker cannot learn which upload ids the other workers have stored. */
  readonly uploadIdsApart?: boolean;
}

/** The messages of a worker. */
export type FromWorker =
  | { readonly type: "listening" } & Listening
  /** The worker cannot start; the message says why. */
  | { readonly type: "refused"; readonly code: Code; readonly message: string }
  | { readonly type: "event"; readonly event: ServerEvent }
  /** A line of the log that no event has caused. */
  | { readonly type: "log"; readonly event: LogEvent }
  | { readonly type: "checked"; readonly check: number; readonly state: ReadyState }
  | { readonly type: "sampled"; readonly check: number; readonly sample: Sample | undefined }
  /** Asks the ledger of the main thread. */
  | { readonly type: "ledger"; readonly call: number; readonly ask: LedgerAsk }
  | Taken
  | { readonly type: "stopped" };

/** The global scope of a worker thread, which is absent from the types of the main thread. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
}

/** A worker that has started; its disposal stops it gracefully. */
interface Running extends AsyncDisposable {
  readonly readiness: Readiness;
  readonly tally: Tally | undefined;
  change(config: Config): void;
  watch(allEvents: boolean): void;
  changeCertificate(tls: TlsOfWorker): Promise<void>;
  readonly keys: Keyring | undefined;
}

/** What this worker has together with the others. */
interface OfAll extends Together {
  readonly store: SharedSessionStore | undefined;
  readonly ledger: AskedLedger | undefined;
}

function answerParent(scope: WorkerScope): void {
  let running: Promise<Running | undefined> = Promise.resolve(undefined);
  let ofAll: OfAll | undefined;
  const handle = async (message: ToWorker): Promise<void> => {
    switch (message.type) {
      case "start":
        ofAll = reach(message, scope);
        running = start(message, scope, ofAll);
        await running;
        break;
      // These two do not wait for the start, which asks the ledger itself.
      case "ledger":
        return ofAll?.ledger?.answered(message.call, message.answer);
      case "taken":
        return ofAll?.store?.hear(message.id, message.epoch);
      case "check": {
        const state = await (await running)?.readiness.check() ??
          { ready: false, reason: "stopping" };
        scope.postMessage({ type: "checked", check: message.check, state });
        break;
      }
      case "sample": {
        const sample = (await running)?.tally?.sample();
        scope.postMessage({ type: "sampled", check: message.check, sample });
        break;
      }
      case "settings":
        (await running)?.change(message.config);
        break;
      case "watch":
        (await running)?.watch(message.allEvents);
        break;
      case "certificate":
        return await (await running)?.changeCertificate(message.tls);
      case "keys":
        (await running)?.keys?.replace(readLines(message.keys, "keys"));
        break;
      case "stop":
        await (await running)?.[Symbol.asyncDispose]();
        scope.postMessage({ type: "stopped" });
    }
  };
  // A rejection ends this thread, and the parent gets its error.
  scope.onmessage = ({ data }) => void handle(data);
}

/** Reaches for what all workers have together. */
function reach({ worker, shared, ledgerMs }: StartWorker, scope: WorkerScope): OfAll {
  const tell = (id: string, epoch: number) => scope.postMessage({ type: "taken", id, epoch });
  const send = (call: number, ask: LedgerAsk) => scope.postMessage({ type: "ledger", call, ask });
  const ledger = ledgerMs === undefined ? undefined : new AskedLedger(ledgerMs, send);
  return {
    budgetLedger: new SharedBudgetLedger(shared, worker),
    store: shared.sessions && new SharedSessionStore(shared.sessions, { tell }),
    ledger,
  };
}

async function start(
  { worker, config, allEvents: all, counts, tls, shared, keys: text }: StartWorker,
  scope: WorkerScope,
  ofAll: OfAll,
): Promise<Running | undefined> {
  const threshold = { level: config.logging.level };
  const log = createLogger((event) => postLine(scope, event), threshold).child({ worker });
  let allEvents = all;
  const events = new Events((cause) => log.error("listener.failed", { cause }));
  events.subscribe(
    (event) => scope.postMessage({ type: "event", event }),
    (type) => allEvents || isLogged(type, log),
  );
  try {
    await using opened = new AsyncDisposableStack();
    if (ofAll.store !== undefined) opened.use(ofAll.store);
    const keys = text === undefined ? undefined : new Keyring(readLines(text, "keys"));
    const parts = opened.use(
      await openParts(config, log, events, keys, ofAll, tls, worker === 1),
    );
    opened.use(keepServing(log));
    const connectionCount = new SharedConnectionCount(shared, worker);
    const wanted = { ...parts.options, reusePort: true, connectionCount };
    const counting = counts ? await import("../../operate/mod.ts") : undefined;
    const tally = counting && opened.use(new counting.Tally());
    const options = counting && tally ? counting.counted(wanted, tally) : wanted;
    opened.use(await askBefore(config, options.storage, log));
    const server = opened.use(listenToServe(config, () => serve(options)));
    opened.use(await spareMemory(server));
    if (tally !== undefined) tally.server = server;
    const { hostname } = server.addr;
    const { storage, store } = options;
    const { label: tier, durability } = storage;
    const uploadIdsApart = storage.refresh === undefined;
    scope.postMessage({ type: "listening", hostname, tier, durability, uploadIdsApart });
    let until = tls?.notAfter;
    const certificateUntil = () => until ?? Infinity;
    const readiness = new Readiness({ server, storage, store, certificateUntil }, log);
    return Object.assign(opened.move(), {
      readiness,
      tally,
      keys,
      change(config: Config) {
        threshold.level = config.logging.level;
        server.reconfigure(serveOptions(config));
      },
      watch(on: boolean) {
        allEvents = on || all;
      },
      async changeCertificate(tls: TlsOfWorker) {
        await server.changeCertificate(tls);
        until = tls.notAfter;
      },
    });
  } catch (error) {
    if (!(error instanceof FxferError)) throw error;
    scope.postMessage({ type: "refused", code: error.code, message: error.message });
    return undefined;
  }
}

/** Sends a line of the log; errors and fields that cannot be sent become text. Never throws. */
function postLine(scope: WorkerScope, event: LogEvent): void {
  const plain = (value: unknown) => value instanceof Error ? describeError(value) : value;
  const entries = Object.entries(event.fields).map(([key, value]) => [key, plain(value)]);
  const fields = Object.fromEntries(entries);
  try {
    scope.postMessage({ type: "log", event: { ...event, fields } });
  } catch (error) {
    const unloggable = String(error);
    scope.postMessage({ type: "log", event: { ...event, fields: { unloggable } } });
  }
}

if ("WorkerGlobalScope" in globalThis) answerParent(globalThis as unknown as WorkerScope);
