/** `fxfer verify`: compares stored files with the manifest. @module */
import { CODES } from "../errors.ts";
import { type VerifyFinding, verifyFolder, type VerifyVerdict } from "../storage/verify.ts";
import type { Output } from "../terminal/mod.ts";
import { ProgressLine } from "../terminal/progress.ts";
import { count, escapeControls, formatBytes } from "../text.ts";
import type { ParsedArgs } from "./args.ts";
import type { Command } from "./command.ts";
import { cannot, localError, mustRead, whyNoFolder } from "./local.ts";
import { SUMMARIES } from "./summaries.ts";

/** What each verdict but `ok` means; a `bad` one says that an acknowledged file is lost or changed. */
const VERDICTS: Readonly<Record<Exclude<VerifyVerdict, "ok">, { text: string; bad: boolean }>> = {
  missing: { text: "gone, and nobody removed it", bad: true },
  changed: { text: "not the bytes that were stored", bad: true },
  malformed: { text: "no entry of a manifest", bad: true },
  torn: { text: "the manifest ends inside a line: a write was cut short", bad: false },
  extra: { text: "not listed", bad: false },
  partial: { text: "the beginning of a file, never published", bad: false },
};

/** The manifest's name in a storage folder. */
const MANIFEST = "commits.jsonl";

/** A verdict in words, for one line. */
function describe({ verdict, path, line }: VerifyFinding): string {
  const what = path === undefined ? `${MANIFEST} line ${line}` : escapeControls(path);
  return verdict === "ok" ? `ok: ${what}` : `${verdict}: ${what} (${VERDICTS[verdict].text})`;
}

const isBad = ({ verdict }: VerifyFinding): boolean => verdict !== "ok" && VERDICTS[verdict].bad;

/** @throws {FxferError} `local_io` if the folder cannot be verified. */
async function checkFolder(folder: string, state: string): Promise<void> {
  const action = `verify ${folder}`;
  await mustRead(folder, action);
  await mustRead(state, action);
  const info = await Deno.stat(folder).catch(cannot(action, whyNoFolder));
  if (!info.isDirectory) throw localError(action, undefined, "it is no folder");
  // Without a manifest nothing is known of the files, so "all well" would be wrong.
  const absent = () => `${state === folder ? "it" : state} has no ${MANIFEST}`;
  await Deno.lstat(`${state}/${MANIFEST}`).catch(cannot(action, absent));
}

async function verify(args: ParsedArgs, { out, err }: Output): Promise<number> {
  const folder = args.operands[0]!;
  const json = args.has("json");
  const quiet = args.has("quiet");
  const state = args.text("state") ?? folder;
  await checkFolder(folder, state);

  const counts = { ok: 0, missing: 0, changed: 0, malformed: 0, torn: 0, extra: 0, partial: 0 };
  let bytes = 0;
  let bad = 0;
  const progress = err.redraws && !quiet ? new ProgressLine(err, { label: folder }) : undefined;
  try {
    for await (const finding of verifyFolder(folder, state === folder ? {} : { state })) {
      counts[finding.verdict]++;
      if (finding.verdict === "ok") bytes += finding.size ?? 0;
      if (isBad(finding)) bad++;
      progress?.update(bytes);
      if (json && !(quiet && finding.verdict === "ok")) {
        out.line(escapeControls(JSON.stringify(finding)));
      } else if (!json && (isBad(finding) || !quiet && finding.verdict !== "ok")) {
        out.line(describe(finding));
      }
    }
  } catch (cause) {
    throw localError(`verify ${folder}`, cause);
  } finally {
    progress?.stop();
  }

  if (json) {
    if (!quiet) out.line(JSON.stringify({ summary: counts, bytes, intact: bad === 0 }));
  } else if (!quiet) {
    const rest = bad > 0 ? `, ${bad} not` : "";
    out.line(`${count(counts.ok, "file")} as stored (${formatBytes(bytes)})${rest}`);
  }
  return bad > 0 ? CODES.checksum_mismatch.exit : 0;
}

export const verifyCommand: Command = {
  spec: {
    name: "verify",
    summary: SUMMARIES.verify,
    operands: { name: "DIR", min: 1, max: 1 },
    options: {
      json: { help: "Write one JSON object for each finding, then a summary" },
      state: { value: "DIR", help: "Where the manifest is, if the server has storage.state set" },
      quiet: { short: "q", help: "Show only what is wrong" },
    },
    details: [
      "Exit code 0: every file that the manifest lists is as it was stored; 5: some are missing or " +
      "changed, or some lines of the manifest cannot be read. A file that was removed through the " +
      "server, and whose line says so, is not missing. Files that are not listed, and the " +
      "beginnings of unfinished files, are shown and do no harm.",
    ],
  },
  run: verify,
};
