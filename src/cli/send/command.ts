/** `fxfer send`: plans the files, sends them, and says how it ended. @module */
import { parseEndpoint } from "../../address.ts";
import type { ClientEvent } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { onStop, type Output } from "../../terminal/mod.ts";
import { escapeControls, formatDuration } from "../../text.ts";
import { unlessAborted } from "../../within.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { readable } from "../local.ts";
import { reportLostOutput } from "../report.ts";
import { clientOptions, mustListen, mustReach, withServerOperand } from "../server_args.ts";
import type { Ahead } from "./ahead.ts";
import { mustFit, readSendArgs, SEND, type SendArgs } from "./args.ts";
import type { FileToSend } from "./file_to_send.ts";
import { Journal } from "./journal.ts";
import { isKept } from "./journal_key.ts";
import { KnownServers } from "./known_servers.ts";
import { startWalk } from "./plan.ts";
import type { SendReport } from "./report.ts";
import { sendTargets } from "./sender.ts";
import { Tally } from "./tally.ts";
import { TextReport } from "./text_report.ts";

/** `fxfer send`. */
export const SEND_COMMAND: Command = { spec: SEND, run: runSend };

async function runSend(args: ParsedArgs, output: Output): Promise<number> {
  const startedAt = performance.now();
  const asked = mustFit(await withServerOperand(readSendArgs(args), SERVER_OPERAND));
  const stop = new AbortController();
  using _signals = onStop(() => stop.abort(new FxferError("interrupted", "Interrupted")));
  const tally = new Tally();
  const json = asked.json
    ? new (await import("./json_report.ts")).JsonReport(output, asked.quiet)
    : undefined;
  const seconds = () => (performance.now() - startedAt) / 1000;
  try {
    const walk = await unlessAborted(startWalk(asked, stop.signal), stop.signal);
    const { ahead } = walk;
    await ahead.filled();
    using report: SendReport = json ?? new TextReport(output, ahead, asked.quiet);
    ahead.onLeftOut = (what) => {
      tally.leaveOut(1, !asked.skipSpecial);
      report.leftOut(what, !asked.skipSpecial);
    };
    const isAllFound = ahead.isAll;
    const sayNotes = () => walk.notes().forEach((note) => report.say(note));
    if (isAllFound) sayNotes();
    if (asked.dryRun) {
      await showPlan(ahead, report, tally);
      if (!isAllFound) sayNotes();
      report.end(tally, seconds());
    } else {
      using journal = await sendFound(asked, ahead, {
        report,
        tally,
        output,
        signal: stop.signal,
      });
      if (ahead.isAll && !isAllFound) sayNotes();
      report.end(tally, seconds());
      concludeJournal(tally, journal, report);
    }
  } catch (error) {
    tally.stop(error instanceof FxferError ? error.code : "internal_error");
    json?.end(tally, seconds());
    throw error;
  }
  const { fault } = output.out;
  // Who closes a pipe of text, as `head` does, knows that.
  if (fault !== undefined && (asked.json || !(fault instanceof Deno.errors.BrokenPipe))) {
    reportLostOutput(output.err, fault);
    output.out.fault = undefined; // it is told, and what is stored stays stored
  }
  return tally.exit;
}

/** The server may stand before the files, unless there is a file of that name. */
const SERVER_OPERAND = {
  command: SEND.name,
  operand: SEND.operands!.name,
  least: 1,
  isOther: (path: string): Promise<boolean> =>
    readable(path).then((may) => may && Deno.lstat(path).then(() => true, () => false)),
};

/** `--dry-run`. */
async function showPlan(ahead: Ahead, report: SendReport, tally: Tally): Promise<void> {
  for (let found; (found = await ahead.take(Infinity)).length > 0;) {
    for (const target of found) {
      if (target.error === undefined) {
        tally.plan(target.size ?? 0);
        report.planned(target);
      } else {
        tally.fail(target.error.code);
        report.failed(target, target.error, false);
      }
    }
  }
}

/** What a run works with. */
interface Run {
  readonly report: SendReport;
  readonly tally: Tally;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Sends the files that are found. */
async function sendFound(asked: SendArgs, ahead: Ahead, run: Run): Promise<Journal> {
  const { report, tally, output, signal } = run;
  const server = { hostname: asked.host, port: asked.port };
  const options = await clientOptions(asked);
  const mayHave = (is: (target: FileToSend) => boolean) => !ahead.isAll || ahead.waiting.some(is);
  if (mayHave(({ error }) => error === undefined)) {
    await mustReach(server);
    for (const trusted of asked.trust) await mustReach(parseEndpoint(trusted)!);
    if (asked.portInHost) await mustListen(server, signal, SEND.name);
  }
  const say = (sentence: string) => report.say(sentence);
  const known = await KnownServers.open(asked.state);
  const journal = mayHave(isKept)
    ? await unlessAborted(Journal.open(asked, say), signal)
    : Journal.none(asked);
  try {
    const begun = await begunOf(asked, journal, signal);
    const { mode, allowV1, trust: trustedServers, limitRate } = asked;
    const knownTerms = mode === "stateless" ? undefined : known.termsOf(server);
    const terms = await sendTargets({
      connect: {
        ...options,
        ...{ mode, allowV1, trustedServers, signal },
        ...omitUndefined({ limitRate, knownTerms }),
      },
      ...{ ahead, begun, report, journal, tally, ifNew: asked.ifNew, noRename: asked.noRename },
      ...omitUndefined({ onEvent: asked.trace ? await tracer(output) : undefined }),
    });
    if (terms !== undefined) await known.keep(server, terms);
    return journal;
  } catch (error) {
    journal[Symbol.dispose]();
    throw error;
  }
}

/** The files that an earlier run has begun in its session; with `--if-new` all are looked at before any is sent. */
async function begunOf(
  asked: SendArgs,
  { begunBefore }: Journal,
  signal: AbortSignal,
): Promise<readonly FileToSend[]> {
  if (asked.ifNew || begunBefore.length === 0) return [];
  return await (await import("./find_begun.ts")).findBegun(asked, begunBefore, signal);
}

/** Writes each step as a line: time since the start, the rule, what happened. */
async function tracer({ err }: Output): Promise<(event: ClientEvent) => void> {
  const { clientStep } = await import("./client_steps.ts");
  const startedAt = performance.now();
  return (event) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(3);
    const { rule, words } = clientStep(event);
    err.line(`trace ${seconds}s ${rule.padEnd(8)} ${escapeControls(words)}`);
  };
}

/** Says how to go on where something is left to do, and else lets the journal be removed. */
function concludeJournal(tally: Tally, journal: Journal, report: SendReport): void {
  const unfinished = tally.interrupted ? "Interrupted" : tally.gaveUp ? "Gave up" : undefined;
  if (unfinished === undefined) {
    const { stored, failed } = tally;
    if (failed === 0 || stored === 0) return journal.finish();
    if (journal.kept) report.say("Some files failed: the same command goes on with them");
    return;
  }
  if (journal.isEmpty) journal.finish();
  if (!journal.kept || journal.isEmpty) {
    return report.say(`${unfinished}: there is nothing to go on with`);
  }
  const { expiryS } = journal;
  const time = expiryS === undefined
    ? ""
    : `; a file under way goes on where the server has it for ${formatDuration(expiryS)}`;
  report.say(`${unfinished}: the same command goes on${time}`);
}
