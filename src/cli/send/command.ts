/** `fxfer send`: from the flags to the exit code. @module */
import { parseEndpoint } from "../../address.ts";
import type { ClientEvent } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import { onStop, type Output } from "../../terminal/mod.ts";
import { escapeControls, formatDuration } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { reachable } from "../permission.ts";
import { readSendArgs, SEND } from "./args.ts";
import { clientStep } from "./client_steps.ts";
import { JsonReport } from "./json_report.ts";
import { planTargets } from "./plan.ts";
import type { SendReport } from "./report.ts";
import { sendTargets } from "./sender.ts";
import { SendState } from "./state.ts";
import type { Tally } from "./tally.ts";
import { TextReport } from "./text_report.ts";
import { Throttle } from "./throttle.ts";

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
    await mayConnect(asked.host, asked.port);
    for (const server of asked.trust) {
      const { hostname, port } = parseEndpoint(server)!;
      await mayConnect(hostname, port);
    }
  }
  using state = await SendState.open(asked);
  for (const path of state.changed(targets)) {
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
    },
    report,
    state,
    ...(asked.trace ? { onEvent: tracer(output) } : {}),
    ...(asked.limitRate === undefined ? {} : { through: new Throttle(asked.limitRate).through }),
  });
  const { stored, unconfirmed, failed, bytes, exit } = tally;
  const seconds = (performance.now() - startedAt) / 1000;
  report.end({ stored, unconfirmed, failed, bytes, seconds, exit });
  conclude(tally, state, report);
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

/** Says how to go on, or forgets what would be needed for it. */
function conclude(tally: Tally, state: SendState, report: SendReport): void {
  const what = tally.interrupted ? "Interrupted" : tally.gaveUp ? "Gave up" : undefined;
  if (what === undefined) return state.finish();
  if (!state.kept) return report.say(`${what}: nothing is kept to go on with`);
  const { expiryS } = state;
  const within = expiryS === undefined
    ? ""
    : `; a file under way goes on where the server has it for ${formatDuration(expiryS)}`;
  report.say(`${what}: the same command goes on${within}`);
}

async function mayConnect(host: string, port: number): Promise<void> {
  if (await reachable(host, port)) return;
  throw new FxferError(
    "local_io",
    `Cannot connect to ${host}:${port}: it is not permitted (--allow-net=${host}:${port})`,
  );
}
