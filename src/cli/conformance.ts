/** `fxfer conformance`: runs the checks of the conformance kit against any server. @module */
import type { Endpoint } from "../address.ts";
import {
  type Check,
  FILE_CHECKS,
  FRAME_CHECKS,
  NotOffered,
  ProbeClient,
  type ServerUnderTest,
  SESSION_CHECKS,
} from "../conformance/mod.ts";
import { reasonOf } from "../errors.ts";
import { fit, type Output, pad, type Paint, paintOf } from "../terminal/mod.ts";
import { count, escapeControls } from "../text.ts";
import type { ParsedArgs } from "./args.ts";
import type { Command } from "./command.ts";
import { mustConnect } from "./local.ts";

export const CONFORMANCE_COMMAND: Command = {
  spec: {
    name: "conformance",
    summary: "Hold a server against the rules of the wire contract",
    operands: { name: "HOST:PORT", min: 1, max: 1 },
    options: {
      json: { help: "Write one JSON object for each rule, then a summary" },
      quiet: { short: "q", help: "Show only the rules that are broken" },
    },
    details: [
      "The checks store some files of a few bytes. Each rule is tried on a connection of its own. Exit " +
      "code 0: every rule that applies was kept; 3: some were not.",
    ],
  },
  run: runConformance,
};

/** The result of a check: one line of the output. */
interface CheckResult {
  readonly rule: string;
  readonly promise: string;
  readonly verdict: "kept" | "broken" | "skipped";
  /** What the server did, or why the check was skipped. */
  readonly seen: string;
}

const STYLE = { kept: "green", broken: "red", skipped: "yellow" } as const;

async function runConformance(args: ParsedArgs, { out }: Output): Promise<number> {
  const address = args.target()!;
  args.mustBeRight();
  await mustConnect(address);
  const paint = paintOf(out);
  const sessions = await offersSessions(address);
  const counts = { kept: 0, broken: 0, skipped: 0 };
  for (const check of [...FRAME_CHECKS, ...FILE_CHECKS, ...SESSION_CHECKS]) {
    const { rule, promise } = check;
    const result: CheckResult = { rule, promise, ...await tryOut(check, address, sessions) };
    counts[result.verdict]++;
    if (args.has("quiet") && result.verdict !== "broken") continue;
    out.line(args.has("json") ? escapeControls(JSON.stringify(result)) : row(result, paint));
  }
  if (args.has("json")) out.line(JSON.stringify({ summary: counts }));
  else {
    const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
    out.line(`${count(counts.kept, "rule")} kept, ${counts.broken} broken${skipped}`);
  }
  return counts.broken === 0 ? 0 : 3;
}

/** Whether the server gives out sessions: asks for one, and ends it. */
async function offersSessions(address: Endpoint): Promise<boolean> {
  try {
    using peer = await ProbeClient.open(address);
    const { data, header } = await peer.connect();
    if (data.code !== "session_created") return false;
    const { id } = header.session;
    await peer.ask({ action: "disconnect", mode: "stateful", id, sequence: 1 });
    return true;
  } catch {
    return false;
  }
}

/** Runs one check, then closes every connection that it opened. */
async function tryOut(
  check: Check,
  address: Endpoint,
  sessions: boolean,
): Promise<Pick<CheckResult, "verdict" | "seen">> {
  if (check.stateful && !sessions) return { verdict: "skipped", seen: "no sessions are offered" };
  const open: ProbeClient[] = [];
  const target: ServerUnderTest = {
    ...address,
    async open() {
      const peer = await ProbeClient.open(address);
      open.push(peer);
      return peer;
    },
  };
  try {
    return { verdict: "kept", seen: await check.run(target) };
  } catch (error) {
    const verdict = error instanceof NotOffered ? "skipped" : "broken";
    return { verdict, seen: reasonOf(error) };
  } finally {
    for (const peer of open) peer[Symbol.dispose]();
  }
}

function row({ rule, promise, verdict, seen }: CheckResult, paint: Paint): string {
  const head = `${pad(rule, 9)}${paint(STYLE[verdict], verdict.padEnd(8))} `;
  return `${head}${escapeControls(promise)}\n${" ".repeat(18)}${fit(escapeControls(seen), 61)}`;
}
