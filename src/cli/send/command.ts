/** `fxfer send`: plans the files, sends them, and says how it ended. @module */
import { type Endpoint, parseEndpoint } from "../../address.ts";
import type { ClientEvent } from "../../client/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { onStop, type Output } from "../../terminal/mod.ts";
import { escapeControls, formatDuration } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { localError, reachable } from "../local.ts";
import { readSendArgs, SEND } from "./args.ts";
import { clientStep } from "./client_steps.ts";
import { Journal } from "./journal.ts";
import { JsonReport } from "./json_report.ts";
import { planTargets } from "./plan.ts";
import type { SendReport } from "./report.ts";
import { sendTargets } from "./sender.ts";
import type { Tally } from "./tally.ts";
import { TextReport } from "./text_report.ts";

/** `fxfer send`. */
export const SEND_COMMAND: Command = { spec: SEND, run: runSend };

async function runSend(args: ParsedArgs, output: Output): Promise<number> {
  const asked = readSendArgs(args);
  const startedAt = performance.now();
  const stop = new AbortController();
  using _signals = onStop((signal) => stop.abort(new Error(signal)));

  const targets = await planTargets(asked);
  const report: SendReport = asked.json
    ? new JsonReport(output, targets.length > 1, asked.quiet)
    : new TextReport(output, targets, asked.quiet);
  if (targets.some(({ error }) => error === undefined)) {
    await mustReach({ hostname: asked.host, port: asked.port });
    for (const server of asked.trust) await mustReach(parseEndpoint(server)!);
  }
  using journal = await Journal.open(asked);
  for (const path of journal.changed(targets)) {
    report.say(`${path} has changed since the run before: it starts over`);
  }

  const tally = await sendTargets(targets, {
    connect: {
      hostname: asked.host,
      port: asked.port,
      mode: asked.mode,
      allowV1: asked.allowV1,
      retries: asked.retries,
      trustedServers: asked.trust,
      signal: stop.signal,
      ...omitUndefined({ limitRate: asked.limitRate }),
    },
    report,
    journal,
    ...omitUndefined({ onEvent: asked.trace ? tracer(output) : undefined }),
  });
  const { stored, unconfirmed, failed, bytes, exit } = tally;
  const seconds = (performance.now() - startedAt) / 1000;
  report.end({ stored, unconfirmed, failed, bytes, seconds, exit });
  concludeJournal(tally, journal, report);
  return exit;
}

/** Writes each step as a line: time since the start, the rule, what happened. */
function tracer({ err }: Output): (event: ClientEvent) => void {
  const startedAt = performance.now();
  return (event) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(3);
    const { rule, words } = clientStep(event);
    err.line(`trace ${seconds}s ${rule.padEnd(8)} ${escapeControls(words)}`);
  };
}

/** Says how to go on where something is left to do, and else lets the journal be removed. */
function concludeJournal(tally: Tally, journal: Journal, report: SendReport): void {
  const what = tally.interrupted ? "Interrupted" : tally.gaveUp ? "Gave up" : undefined;
  if (what === undefined) return journal.finish();
  if (!journal.kept) return report.say(`${what}: nothing is kept to go on with`);
  const { expiryS } = journal;
  const time = expiryS === undefined
    ? ""
    : `; a file under way goes on where the server has it for ${formatDuration(expiryS)}`;
  report.say(`${what}: the same command goes on${time}`);
}

/** @throws {FxferError} `local_io` if the program may not connect there. */
async function mustReach({ hostname, port }: Endpoint): Promise<void> {
  if (await reachable(hostname, port)) return;
  const server = `${hostname}:${port}`;
  const reason = `it is not permitted (--allow-net=${server})`;
  throw localError(`connect to ${server}`, undefined, reason);
}
