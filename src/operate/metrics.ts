/**
 * The metrics: their names, what they mean, and how the counts of one or several servers become the text
 * that Prometheus reads. No label has anything that a client has chosen, and the number of series is
 * bounded: 45 outcomes of requests, and a fixed number of everything else, under 200 in all.
 *
 * @module
 */
import { CODES, isCode } from "../errors.ts";
import type { HookStats } from "../hooks/mod.ts";
import { BOUNDS, type HistogramData } from "./histogram.ts";
import type { Sample } from "./tally.ts";

/** How a metric is described, and how the values of several workers become one. */
interface Description {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly workers?: "sum" | "max";
}

const TABLE = {
  fxfer_build_info: { type: "gauge", help: "1, with the versions of fxfer and Deno" },
  fxfer_ready: { type: "gauge", help: "1 while the server should get new connections, else 0" },
  fxfer_workers: { type: "gauge", help: "Threads that serve" },
  fxfer_requests_total: {
    type: "counter",
    help: "Requests answered, by action, mode, code and the class of the code",
  },
  fxfer_request_duration_seconds: {
    type: "histogram",
    help: "Time from a request's header to its reply, by action",
  },
  fxfer_commit_duration_seconds: {
    type: "histogram",
    help: "Time to give a whole file its final name and its line",
  },
  fxfer_store_duration_seconds: {
    type: "histogram",
    help: "Time the session store takes, by operation",
  },
  fxfer_store_errors_total: { type: "counter", help: "Calls of the session store that failed" },
  fxfer_connections: { type: "gauge", help: "Connections open" },
  fxfer_connections_max: { type: "gauge", help: "Connections allowed" },
  fxfer_connections_accepted_total: { type: "counter", help: "Connections accepted" },
  fxfer_connections_refused_total: {
    type: "counter",
    help: "Connections refused before their first request",
  },
  fxfer_connections_ended_total: {
    type: "counter",
    help: "Connections that the server has ended with a notice",
  },
  fxfer_received_bytes_total: { type: "counter", help: "Bytes read from clients" },
  fxfer_sent_bytes_total: { type: "counter", help: "Bytes written to clients" },
  fxfer_files_stored_total: { type: "counter", help: "Files stored" },
  fxfer_file_bytes_stored_total: { type: "counter", help: "Bytes of the files stored" },
  fxfer_replies_replayed_total: {
    type: "counter",
    help: "Requests answered from memory, because they had run before",
  },
  fxfer_sessions: { type: "gauge", help: "Sessions in the store, by state" },
  fxfer_sessions_max: { type: "gauge", help: "Sessions allowed" },
  fxfer_sessions_created_total: { type: "counter", help: "Sessions created" },
  fxfer_sessions_resumed_total: { type: "counter", help: "Sessions resumed after a cut" },
  fxfer_sessions_taken_over_total: {
    type: "counter",
    help: "Sessions taken over from a connection that was still attached",
  },
  fxfer_sessions_expired_total: { type: "counter", help: "Sessions whose time was over" },
  fxfer_sessions_revoked_total: { type: "counter", help: "Sessions ended by an operator" },
  fxfer_sessions_degraded_total: {
    type: "counter",
    help: "Clients served without a session that had asked for one",
  },
  fxfer_resumed_bytes_total: {
    type: "counter",
    help: "Bytes of open files that were kept over a cut, and not sent again",
  },
  fxfer_storage_used_bytes: {
    type: "gauge",
    help: "Bytes of stored files, where they are counted",
  },
  fxfer_storage_reserved_bytes: { type: "gauge", help: "Bytes promised to uploads under way" },
  fxfer_storage_budget_bytes: {
    type: "gauge",
    help: "Bytes that storage may hold; 0 for no limit",
  },
  fxfer_storage_free_bytes: {
    type: "gauge",
    help: "Bytes free on the disk, where it may be asked",
  },
  fxfer_certificate_not_after_timestamp_seconds: {
    type: "gauge",
    help: "End of the TLS certificate, as a Unix time; only with TLS",
  },
  fxfer_hooks_waiting: { type: "gauge", help: "Files that hooks are still to tell" },
  fxfer_hooks_dead: { type: "gauge", help: "Files that hooks have given up" },
  fxfer_hooks_delivered_total: { type: "counter", help: "Files that hooks have told" },
  fxfer_event_loop_delay_seconds: {
    type: "gauge",
    help: "How late the event loop is, over about a second",
    workers: "max",
  },
  fxfer_heap_bytes: { type: "gauge", help: "Bytes of the JavaScript heap in use" },
  process_resident_memory_bytes: { type: "gauge", help: "Resident memory of the process" },
  process_start_time_seconds: { type: "gauge", help: "Start of the process, as a Unix time" },
} as const;

export type MetricName = keyof typeof TABLE;

/** Every metric by its name. */
export const METRICS: Readonly<Record<MetricName, Description>> = TABLE;

type Labels = Readonly<Record<string, string | number>>;

/** A value of a metric as prom-client takes it. */
interface Value {
  readonly value: number;
  readonly labels: Labels;
  readonly metricName?: string;
}

/** A metric as prom-client takes it. */
export interface Metric {
  readonly name: MetricName;
  readonly help: string;
  readonly type: Description["type"];
  readonly aggregator: "sum" | "max";
  readonly values: readonly Value[];
}

function metric(name: MetricName, values: readonly Value[]): Metric {
  const { help, type, workers = "sum" } = METRICS[name];
  return { name, help, type, aggregator: workers, values };
}

/** A metric with one value; absent values make none. */
const single = (name: MetricName, value: number | undefined, labels: Labels = {}): Metric[] =>
  value === undefined ? [] : [metric(name, [{ value, labels }])];

function* buckets(
  name: MetricName,
  labels: Labels,
  { counts, sum }: HistogramData,
): Generator<Value> {
  let total = 0;
  for (const [at, count] of counts.entries()) {
    total += count;
    const le = BOUNDS[at] ?? "+Inf";
    yield { value: total, labels: { le, ...labels }, metricName: `${name}_bucket` };
  }
  yield { value: sum, labels, metricName: `${name}_sum` };
  yield { value: total, labels, metricName: `${name}_count` };
}

function histogram(
  name: MetricName,
  label: string,
  of: Readonly<Record<string, HistogramData>>,
): Metric {
  const values = Object.entries(of).flatMap(([value, data]) => [
    ...buckets(name, label === "" ? {} : { [label]: value }, data),
  ]);
  return metric(name, values);
}

/** The metrics of one server thread. */
export function metricsOf(sample: Sample): Metric[] {
  const { counters, gauges } = sample;
  const requests = Object.entries(sample.outcomes).map(([kind, value]) => {
    const [action = "", mode = "", code = ""] = kind.split(" ");
    const labels = { action, mode, code, class: isCode(code) ? CODES[code].class : "other" };
    return { value, labels };
  });
  return [
    metric("fxfer_requests_total", requests),
    histogram("fxfer_request_duration_seconds", "action", sample.durations),
    histogram("fxfer_commit_duration_seconds", "", { all: sample.commits }),
    histogram("fxfer_store_duration_seconds", "operation", sample.store),
    ...single("fxfer_store_errors_total", counters.storeErrors),
    ...single("fxfer_connections", gauges.connections),
    ...single("fxfer_connections_accepted_total", counters.accepted),
    ...single("fxfer_connections_refused_total", counters.refusedConnections),
    ...single("fxfer_connections_ended_total", counters.notices),
    ...single("fxfer_received_bytes_total", counters.received),
    ...single("fxfer_sent_bytes_total", counters.sent),
    ...single("fxfer_files_stored_total", counters.files),
    ...single("fxfer_file_bytes_stored_total", counters.fileBytes),
    ...single("fxfer_replies_replayed_total", counters.replayed),
    ...single("fxfer_sessions_created_total", counters.created),
    ...single("fxfer_sessions_resumed_total", counters.resumes),
    ...single("fxfer_sessions_taken_over_total", counters.takeovers),
    ...single("fxfer_sessions_expired_total", counters.expired),
    ...single("fxfer_sessions_revoked_total", counters.revoked),
    ...single("fxfer_sessions_degraded_total", counters.degraded),
    ...single("fxfer_resumed_bytes_total", counters.resumedBytes),
    ...single("fxfer_storage_reserved_bytes", gauges.reserved),
    ...single("fxfer_event_loop_delay_seconds", gauges.loopDelay),
    ...single("fxfer_heap_bytes", gauges.heap),
  ];
}

/** What is known of the process as a whole. */
export interface Facts {
  readonly version: string;
  readonly ready: boolean;
  readonly workers: number;
  readonly maxConnections: number;
  readonly maxSessions: number;
  /** Sessions by state. */
  readonly sessions: Readonly<Record<string, number>>;
  readonly used: number | undefined;
  readonly free: number | undefined;
  readonly budget: number;
  readonly hooks: HookStats | undefined;
  /** In seconds since the epoch. */
  readonly certificateUntil: number | undefined;
  readonly rss: number;
  /** In seconds since the epoch. */
  readonly startedAt: number;
}

/** The metrics of the process. */
export function metricsOfProcess(facts: Facts): Metric[] {
  const states = Object.entries(facts.sessions);
  return [
    ...single("fxfer_build_info", 1, { version: facts.version, deno: Deno.version.deno }),
    ...single("fxfer_ready", facts.ready ? 1 : 0),
    ...single("fxfer_workers", facts.workers),
    ...single("fxfer_connections_max", facts.maxConnections),
    metric("fxfer_sessions", states.map(([state, value]) => ({ value, labels: { state } }))),
    ...single("fxfer_sessions_max", facts.maxSessions),
    ...single("fxfer_storage_used_bytes", facts.used),
    ...single("fxfer_storage_free_bytes", facts.free),
    ...single("fxfer_storage_budget_bytes", facts.budget),
    ...single("fxfer_hooks_waiting", facts.hooks?.waiting),
    ...single("fxfer_hooks_dead", facts.hooks?.dead.length),
    ...single("fxfer_hooks_delivered_total", facts.hooks?.delivered),
    ...single("fxfer_certificate_not_after_timestamp_seconds", facts.certificateUntil),
    ...single("process_resident_memory_bytes", facts.rss),
    ...single("process_start_time_seconds", facts.startedAt),
  ];
}

/** The text that Prometheus reads, and its media type. */
export async function exposition(
  metrics: readonly (readonly Metric[])[],
): Promise<{ readonly text: string; readonly type: string }> {
  const { AggregatorRegistry } = (await import("npm:prom-client@15.1.3")).default;
  const registry = AggregatorRegistry.aggregate(metrics as unknown as object[]);
  return { text: await registry.metrics(), type: registry.contentType };
}
