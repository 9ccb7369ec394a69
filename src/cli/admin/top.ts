/** `fxfer admin top`: the state of a server in the terminal, anew each second. @module */
import { onStop, type Output, paintOf } from "../../terminal/mod.ts";
import { pause } from "../../within.ts";
import type { Answer, DoorClient } from "./door_client.ts";
import { overviewLines, sessionLines } from "./tables.ts";

/** Between two looks, in milliseconds. */
const LOOK_MS = 1000;

/** Another screen, so that what was on the terminal before is there again afterwards. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";

/** So many sessions are shown where the terminal has no size. */
const ROWS = 20;

/** Shows the state until interrupted; once where there is no terminal. */
export async function runTop(client: DoorClient, { out }: Output): Promise<number> {
  let before: { readonly totals: Answer; readonly at: number } | undefined;
  const look = async (): Promise<string[]> => {
    const at = performance.now();
    const now = await client.ask("GET", "/overview");
    const { sessions } = await client.ask("GET", `/sessions?limit=${rows()}`).catch(() => ({
      sessions: [],
    }));
    const rates = before && { totals: before.totals, seconds: (at - before.at) / 1000 };
    before = { totals: now.totals, at };
    const lines = [...overviewLines(now, rates), ""];
    return [...lines, ...sessionLines(sessions, out.columns, Date.now())];
  };
  if (!out.terminal || !out.redraws) {
    await look();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    for (const line of await look()) out.line(line);
    return 0;
  }
  const end = new AbortController();
  using _signals = onStop(() => end.abort());
  using _keys = onKey("q", () => end.abort());
  const paint = paintOf(out);
  await look();
  out.raw(ENTER);
  try {
    while (!end.signal.aborted) {
      await pause(LOOK_MS, end.signal);
      if (end.signal.aborted) break;
      const [first = "", ...rest] = await look();
      const lines = [paint("bold", first), ...rest].slice(0, rows() + 6);
      out.raw(HOME + lines.map((line) => `${line}\x1b[K\r\n`).join("") + "\x1b[J");
    }
  } finally {
    out.raw(LEAVE);
  }
  return 0;
}

/** How many sessions fit. */
function rows(): number {
  try {
    return Math.max(1, Math.min(1000, Deno.consoleSize().rows - 8));
  } catch {
    return ROWS;
  }
}

/** Calls `work` at a key, where standard input is a terminal. */
function onKey(key: string, work: () => void): Disposable {
  if (!Deno.stdin.isTerminal()) return { [Symbol.dispose]: () => {} };
  Deno.stdin.setRaw(true, { cbreak: true });
  void (async () => {
    const buffer = new Uint8Array(16);
    for (;;) {
      const count = await Deno.stdin.read(buffer).catch(() => null);
      if (count === null) return;
      if (new TextDecoder().decode(buffer.subarray(0, count)).includes(key)) return work();
    }
  })();
  return { [Symbol.dispose]: () => Deno.stdin.setRaw(false) };
}
