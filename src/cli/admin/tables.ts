/** What a door answers, as text for people. Pure. @module */
import { fit, pad } from "../../terminal/mod.ts";
import { count, escapeControls, formatBytes, formatDuration, formatRate } from "../../text.ts";
import type { Answer } from "./door_client.ts";

/** Rows under a head, in columns as wide as they need to be; the last one is cut to the width. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const cells = [head, ...rows].map((row) => row.map(escapeControls));
  const widths = head.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)));
  return cells.map((row) =>
    fit(row.map((cell, at) => pad(cell, widths[at]!)).join("  ").trimEnd(), width)
  );
}

/** The time since then, such as `3 min`. */
export const since = (iso: string, now: number): string =>
  formatDuration(Math.max(0, Math.round((now - Date.parse(iso)) / 1000)));

/** The file that a session is receiving: its name, and how far it is. */
function fileOf({ upload }: Answer): string {
  if (upload === null) return "";
  const { name, offset, length } = upload;
  const part = length === null
    ? formatBytes(offset)
    : `${Math.floor(100 * offset / Math.max(1, length))} %`;
  return `${name ?? "?"} ${part}`;
}

/** Sessions as a table. */
export function sessionLines(sessions: readonly Answer[], width: number, now: number): string[] {
  if (sessions.length === 0) return ["no sessions"];
  const rows = sessions.map((session) => [
    session.id,
    session.state,
    session.address,
    since(session.created_at, now),
    String(session.files),
    formatBytes(session.bytes),
    fileOf(session),
  ]);
  return table(["ID", "STATE", "ADDRESS", "AGE", "FILES", "BYTES", "UNDER WAY"], rows, width);
}

/** One session with all that is known of it. */
export function detailLines(session: Answer): string[] {
  const { replies, upload: _upload, ...facts } = session;
  const lines = Object.entries(facts).map(([name, value]) => [name, String(value ?? "-")] as const);
  const kept = replies.map(({ sequence, code }: Answer) => `${sequence} ${code}`).join(", ");
  const all = [...lines, ["under way", fileOf(session) || "-"], [
    "kept replies",
    kept || "-",
  ]] as const;
  const left = Math.max(...all.map(([name]) => name.length));
  return all.map(([name, value]) => `${name.padEnd(left)}  ${escapeControls(value)}`);
}

/** Settings as a table; those that can change while the server runs are marked. */
export function settingLines(settings: readonly Answer[], all: boolean, width: number): string[] {
  const text = (value: unknown) => Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
  const shown = settings.filter(({ value, default: standard }) =>
    all || text(value) !== text(standard)
  );
  if (shown.length === 0) return ["every setting is at its default"];
  const rows = shown.map((
    each,
  ) => [each.path, text(each.value), each.live ? "live" : "", each.about.split(". ")[0]]);
  return table(["SETTING", "VALUE", "", "MEANING"], rows, width);
}

/** What happened, as one line. */
export function eventLine({ ts, type, session, text, rule, id: _id, ...rest }: Answer): string {
  const facts = text ?? Object.entries(rest).map(([name, value]) => `${name}=${value}`).join(" ");
  const parts = [ts, session ?? "", type, facts, rule === undefined ? "" : `(${rule})`];
  return escapeControls(parts.filter((part) => part !== "").join(" "));
}

/** The state of the server in some lines. @param before Totals a while ago, for rates. */
export function overviewLines(
  now: Answer,
  before: { readonly totals: Answer; readonly seconds: number } | undefined,
): string[] {
  const rate = (name: string) =>
    before === undefined || before.seconds <= 0
      ? 0
      : Math.max(0, (now.totals[name] - before.totals[name]) / before.seconds);
  const sessions = Object.entries<number>(now.sessions);
  const live = sessions.reduce((sum, [, value]) => sum + value, 0);
  const states = sessions.map(([state, value]) => `${value} ${state}`).join(", ");
  const budget = now.budget_bytes > 0 && now.used_bytes !== null
    ? `${formatBytes(now.used_bytes)} of ${formatBytes(now.budget_bytes)}`
    : "no budget";
  const free = now.free_bytes === null ? "" : `, ${formatBytes(now.free_bytes)} free`;
  return [
    `fxfer ${now.version}  ${
      now.ready ? "ready" : `NOT READY: ${now.reason}`
    }  mode ${now.mode}  ` +
    `${count(now.workers, "worker")}  up ${since(now.started_at, Date.now())}`,
    `requests ${rate("requests").toFixed(1)}/s  errors ${rate("errors").toFixed(1)}/s  ` +
    `files ${rate("files").toFixed(1)}/s  in ${formatRate(rate("bytes"))}`,
    `sessions ${live} of ${now.max_sessions} (${states})  connections ${now.totals.connections} of ` +
    `${now.max_connections}`,
    `storage ${budget}${free}  memory ${formatBytes(now.memory_bytes)}  event loop ` +
    `${now.event_loop_delay_ms} ms late`,
  ];
}
