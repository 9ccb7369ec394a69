/** `fxfer conformance`: runs the checks of the conformance kit against any server or client. @module */
import type { Endpoint } from "../../address.ts";
import {
  type Check,
  CLIENT_CHECKS,
  FILE_CHECKS,
  FRAME_CHECKS,
  keyChecks,
  type KeyUnderTest,
  NotOffered,
  ProbeClient,
  type ServerUnderTest,
  SESSION_CHECKS,
} from "../../conformance/mod.ts";
import { FxferError, reasonOf } from "../../errors.ts";
import { fit, type Output, pad, type Paint, paintOf } from "../../terminal/mod.ts";
import { count, escapeControls } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { parseKey } from "../../keys/mod.ts";
import { readKeyFile } from "../key_file.ts";
import { mustConnect } from "../local.ts";
import { SUMMARIES } from "../summaries.ts";
import { ProgramUnderTest } from "./program_under_test.ts";

export const CONFORMANCE_COMMAND: Command = {
  spec: {
    name: "conformance",
    summary: SUMMARIES.conformance,
    operands: { name: "HOST:PORT", min: 0, max: 1 },
    options: {
      client: { value: "COMMAND", help: "Judge the client that this command runs, not a server" },
      "key-file": {
        value: "FILE",
        help: "File with a key of the server: checks keys and codes, too",
      },
      json: { help: "Write one JSON object for each rule, then a summary" },
      quiet: { short: "q", help: "Show only the rules that are broken" },
    },
    details: [
      "The checks store some files of a few bytes. Each rule is tried on a connection of its own. Exit " +
      "code 0: every rule that applies was kept; 3: some were not.",
      "With --client the command is run once for each rule. It is to send the file {file} to 127.0.0.1, " +
      "port {port}, and to exit with 0 when the file is stored; blanks divide it into words. The server " +
      "there does to it what networks and servers do:",
      '  fxfer conformance --client "python3 my_client.py {port} {file}"',
    ],
  },
  run: runConformance,
};

/** The result of a check: one line of the output. */
interface CheckResult {
  readonly rule: string;
  readonly promise: string;
  readonly verdict: "kept" | "broken" | "skipped";
  /** What the server or client did, or why the check was skipped. */
  readonly seen: string;
}

const STYLE = { kept: "green", broken: "red", skipped: "yellow" } as const;

async function runConformance(args: ParsedArgs, { out }: Output): Promise<number> {
  const command = args.text("client");
  if ((command === undefined) === (args.operands.length === 0)) {
    args.fault("Name a server as HOST:PORT, or a client by --client");
  }
  const address = args.operands.length === 0 ? undefined : args.target();
  if (command !== undefined && args.has("key-file")) args.fault("--key-file is for servers");
  args.mustBeRight();
  const keyFile = args.text("key-file");
  const key = keyFile === undefined ? undefined : parseKey(await readKeyFile(keyFile));
  const results = address === undefined ? judgeClient(command!) : judgeServer(address, key);
  const paint = paintOf(out);
  const counts = { kept: 0, broken: 0, skipped: 0 };
  for await (const result of results) {
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

async function* judgeServer(
  address: Endpoint,
  key: KeyUnderTest | undefined,
): AsyncIterable<CheckResult> {
  await mustConnect(address);
  const sessions = await offersSessions(address);
  for (const check of [...FRAME_CHECKS, ...FILE_CHECKS, ...SESSION_CHECKS, ...keyChecks(key)]) {
    const { rule, promise } = check;
    yield { rule, promise, ...await tryOut(check, address, sessions) };
  }
}

async function* judgeClient(command: string): AsyncIterable<CheckResult> {
  await using client = await ProgramUnderTest.make(command);
  for (const { rule, promise, run } of CLIENT_CHECKS) {
    yield { rule, promise, ...await verdictOf(run(client)) };
  }
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
    return await verdictOf(check.run(target));
  } finally {
    for (const peer of open) peer[Symbol.dispose]();
  }
}

async function verdictOf(run: Promise<string>): Promise<Pick<CheckResult, "verdict" | "seen">> {
  try {
    return { verdict: "kept", seen: await run };
  } catch (error) {
    // The command cannot be run at all: that is no verdict on a client.
    if (error instanceof FxferError && error.code === "usage") throw error;
    const verdict = error instanceof NotOffered ? "skipped" : "broken";
    return { verdict, seen: reasonOf(error) };
  }
}

function row({ rule, promise, verdict, seen }: CheckResult, paint: Paint): string {
  const head = `${pad(rule, 9)}${paint(STYLE[verdict], verdict.padEnd(8))} `;
  return `${head}${escapeControls(promise)}\n${" ".repeat(18)}${fit(escapeControls(seen), 61)}`;
}
