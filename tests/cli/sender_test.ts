/** Files that a session besides the first one was given, and that are sent again (src/cli/send/sender.ts). */
import assert from "node:assert/strict";
import { Ahead } from "../../src/cli/send/ahead.ts";
import type { SendArgs } from "../../src/cli/send/args.ts";
import type { FileToSend } from "../../src/cli/send/file_to_send.ts";
import { Journal } from "../../src/cli/send/journal.ts";
import type { SendReport } from "../../src/cli/send/report.ts";
import { sendTargets } from "../../src/cli/send/sender.ts";
import { Tally } from "../../src/cli/send/tally.ts";
import { Live } from "../client/live.ts";
import { readManifest } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { Road } from "../helpers/road.ts";
import { TempDir } from "../helpers/temp.ts";

/** How many files a session may have unanswered. */
const WINDOW = 2;

Deno.test("what is sent again and has other bytes by then is sent anew, without a journal and from a slow disk too", async () => {
  await using live = await Live.start({ stateful: { maxInflight: WINDOW } });
  await using folder = await TempDir.make();
  const targets: FileToSend[] = [];
  for (let n = 0; n < 12 * WINDOW; n++) {
    const path = folder.join(`${n}`);
    await Deno.writeFile(path, utf8(`${n} ${crypto.randomUUID()}`));
    targets.push({ label: path, path, name: `${n}`, mimeType: "text/plain", size: 5, local: true });
  }
  const { open } = Deno;
  let isLost = false;
  const answer = (connection: number, answers: number) => {
    if (connection !== 1 || answers !== 1) return true;
    isLost = true;
    // Of the two files that the server has stored, and whose answers do not come, the second changes.
    const lines = Deno.readTextFileSync(`${live.dir}/commits.jsonl`).trimEnd().split("\n");
    const stored = Map.groupBy(lines.map((line) => JSON.parse(line)), ({ session }) => session);
    for (const path of [...stored.values()].map((files) => folder.join(files.at(-1)!.name))) {
      Deno.writeFileSync(folder.join("other"), Deno.readFileSync(path).reverse());
      Deno.renameSync(folder.join("other"), path);
    }
    Deno.open = async (path, options) => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return await open(path, options);
    };
    return false;
  };
  await using road = new Road(live, undefined, answer);
  const told: string[] = [];
  const nothing = () => {};
  const report: SendReport = {
    showsProgress: false,
    ...{
      leftOut: nothing,
      planned: nothing,
      started: nothing,
      checked: nothing,
      progress: nothing,
    },
    ...{ event: nothing, say: nothing, end: nothing, [Symbol.dispose]: nothing },
    sent: ({ name }) => void told.push(name!),
    failed: (_, error) => void told.push(error.message),
  };
  const { signal } = new AbortController();
  const tally = new Tally();
  const ahead = new Ahead(signal);
  for (const target of targets) ahead.put(target);
  ahead.end();
  try {
    await sendTargets({
      ahead,
      begun: [],
      journal: Journal.none({ host: "127.0.0.1", port: road.port } as SendArgs),
      connect: { port: road.port, signal },
      ...{ report, tally, ifNew: false, noRename: false },
    });
  } finally {
    Deno.open = open;
  }
  assert.ok(isLost);
  assert.deepEqual(told.sort(), targets.map(({ name }) => name).sort());
  assert.equal(tally.exit, 0);
  const stored = (await readManifest(live.dir)).map(({ name }) => name);
  assert.deepEqual([...new Set(stored)].sort(), told);
});
