/** `fxfer get`: finds out what to get, fetches it, and says how it ended. @module */
import type { Client, ClientEvent } from "../../client/mod.ts";
import { FxferError, reasonOf } from "../../errors.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { onStop, type Output } from "../../terminal/mod.ts";
import type { ParsedArgs } from "../args.ts";
import { inWords } from "../client_words.ts";
import type { Command } from "../command.ts";
import { localError } from "../local.ts";
import { openClient } from "../stored/client.ts";
import { GET, type GetArgs, readGetArgs, STDOUT } from "./args.ts";
import { Fetcher } from "./fetcher.ts";
import { LocalFolder } from "./local_file.ts";
import { destinationOf, type FileToGet, findFiles, type Missing } from "./plan.ts";
import { GetReport } from "./report.ts";

/** `fxfer get`. */
export const GET_COMMAND: Command = { spec: GET, run: runGet };

async function runGet(args: ParsedArgs, output: Output): Promise<number> {
  const asked = await readGetArgs(args);
  const stop = new AbortController();
  using _signals = onStop(() => stop.abort(new FxferError("interrupted", "Interrupted")));
  const { json, quiet } = asked;
  using report = new GetReport(output, { json, quiet, bytesOut: asked.output === STDOUT });
  try {
    await using client = await openClient(
      asked,
      omitUndefined({
        ...{ command: GET.name, purpose: "fetch" as const, signal: stop.signal },
        limitRate: asked.limitRate,
        onEvent: (event: ClientEvent) => report.say(inWords(event)),
      }),
    );
    await getAll(asked, client, report, stop.signal);
    // Outside of a session there is nothing to end, and the server's answer would take a round trip.
    if (client.mode !== "stateless") await client.disconnect().catch(() => {});
  } catch (error) {
    report.tally.stop(error instanceof FxferError ? error.code : "internal_error");
    const isTold = error instanceof FxferError && error.code === "interrupted";
    report.end(!isTold);
    if (isTold) return report.tally.exit;
    throw error;
  }
  return report.end();
}

async function getAll(
  asked: GetArgs,
  client: Client,
  report: GetReport,
  signal: AbortSignal,
): Promise<void> {
  const to = await destinationOf(asked);
  const missing = ({ label, error }: Missing) => report.failed(label, error, false);
  if (asked.output === STDOUT) {
    const files: FileToGet[] = [];
    await findFiles(asked, to, client, { found: (file) => files.push(file), missing });
    report.planned(...files);
    report.allPlanned();
    for (const file of files) await toStandardOutput(file, client, report, signal);
    return;
  }
  const folder = new LocalFolder(to.folder, asked.force, signal);
  const fetcher = new Fetcher(folder, { client, report, signal });
  const found = (file: FileToGet) => {
    report.planned(file);
    fetcher.add(file);
  };
  try {
    await findFiles(asked, to, client, { found, missing });
    report.allPlanned();
  } catch (error) {
    await fetcher.ended();
    // What ended the fetches has been told.
    if (error !== fetcher.fatal) throw error;
  }
  await fetcher.ended();
}

/** What is written cannot be taken back: only the exit code says whether the bytes were right. */
async function toStandardOutput(
  target: FileToGet,
  client: Client,
  report: GetReport,
  signal: AbortSignal,
): Promise<void> {
  report.started(target, 0);
  const { path, sha256 } = target.file;
  const sink = async (bytes: Uint8Array) => {
    try {
      for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
    } catch (cause) {
      throw localError("write to standard output", cause, reasonOf(cause));
    }
  };
  const onProgress = (received: number) => report.progress(target, received);
  try {
    await client.fetch({ path }, sink, { sha256, onProgress, signal });
    report.fetched(target);
  } catch (error) {
    if (!(error instanceof FxferError)) throw error;
    report.failed(target.label, error, false);
  }
}
