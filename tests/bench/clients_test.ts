import assert from "node:assert/strict";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";
import { compare, type Plan, type Timing, timingLines } from "./clients/compare.ts";
import { missingFor, type Tool, TOOLS } from "./clients/tools.ts";
import { readFlags } from "./flags.ts";
import { clientsPage, scenarioPage } from "./page.ts";

/** ECharts sets a timer of its own when it draws, which ends after the plot is there. */
const drawing = { sanitizeOps: false, sanitizeResources: false };

/** The other systems have other servers, or none, and other shells. */
const onLinux = { ignore: Deno.build.os !== "linux" };

const quiet = () => {};

/** Compares in a folder of its own; fails unless nothing is left in there. */
async function run(plan: Partial<Plan>, fault: (text: string) => void = quiet): Promise<Timing[]> {
  await using dir = await TempDir.make();
  const size = { rounds: 1, rttMs: 0, small: 3, big: 1 };
  try {
    return await compare({ tools: [], ...size, ...plan, dir: dir.path }, quiet, fault);
  } finally {
    assert.deepEqual([...Deno.readDirSync(dir.path)], []);
  }
}

/** A server that only listens, with clients that are scripts for a shell. */
function fake(send: string, fetch: string, serve?: string): Tool {
  const shell = (script: string) => ["sh", "-c", script];
  return {
    name: "fake",
    needs: [],
    serve: ({ port }) =>
      serve !== undefined ? shell(serve) : [
        ...[Deno.execPath(), "eval"],
        `Deno.serve({ hostname: "127.0.0.1", port: ${port} }, () => new Response())`,
      ],
    send: () => shell(send),
    fetch: ({ path }, _, to) => shell(fetch.replaceAll("WORK", path).replaceAll("TO", to)),
  };
}

/** Why a tool cannot be tried here; empty if it can. */
function obstacle(tool: Tool): string {
  const missing = missingFor(tool).join(" and ");
  if (missing !== "") return ` [skipped: ${missing} not installed]`;
  // sshd lets only those in who may log in; root may, and what else may is the machine's business.
  const mayLogIn = tool.name !== "scp" || !onLinux.ignore && Deno.uid() === 0;
  return mayLogIn ? "" : " [skipped: only root is sure to be let in]";
}

for (const tool of TOOLS) {
  const reason = obstacle(tool);
  Deno.test({
    name: `${tool.name} takes part in the comparison, both ways, over a road${reason}`,
    ignore: onLinux.ignore || reason !== "",
    async fn() {
      const timings = await run({ tools: [tool], rttMs: 10 });
      const faults = timings.flatMap(({ faults }) => faults);
      assert.deepEqual(faults, []);
      assert.ok(timings.some(({ work, way }) => work === "small" && way === "send"));
      for (const { seconds } of timings) assert.ok(seconds.length === 1 && seconds[0]! >= 0.01);
    },
  });
}

Deno.test("The road to a server takes as long as it was told", onLinux, async () => {
  const tools = TOOLS.filter(({ name }) => name === "fxfer");
  const [near, far] = [await run({ tools, big: 0 }), await run({ tools, big: 0, rttMs: 600 })];
  for (const [at, { seconds: [seconds] }] of near.entries()) {
    const later = far[at]!.seconds[0]! - seconds!;
    assert.ok(later > 0.3, `${later} s`);
  }
});

Deno.test(
  "A client that fails, and one that brings too little, have no time but a fault",
  onLinux,
  async () => {
    const said: string[] = [];
    const failing = fake("echo went wrong >&2; exit 7", 'cp -r "WORK" "TO"');
    const [sent, fetched] = await run(
      { tools: [failing], big: 0, rounds: 2 },
      (text) => said.push(text),
    );
    assert.deepEqual([sent!.seconds, sent!.faults], [[], Array(2).fill("exit 7: went wrong")]);
    assert.deepEqual([fetched!.seconds.length, fetched!.faults], [2, []]);
    assert.deepEqual(said, Array(2).fill("fake, send small: exit 7: went wrong"));
    const [, cut] = await run({ tools: [fake("true", 'cp "WORK/d0/f1.bin" "TO"')], big: 0 });
    assert.deepEqual(cut!.faults, ["1 files with 10240 bytes came"]);
  },
);

Deno.test(
  "A server that does not start is a fault of its tool, with what it said",
  onLinux,
  async () => {
    const broken = { ...fake("true", "true", "echo no room >&2; exit 1"), name: "broken" };
    const [first, next] = await run({ tools: [broken, fake("true", "true")], big: 0 });
    assert.deepEqual(first!.faults, ["its server does not listen: no room"]);
    assert.equal(next!.seconds.length, 1, "the next tool has its turn");
  },
);

Deno.test("An interrupted comparison ends its client and its server", onLinux, async () => {
  const stop = new AbortController();
  await using dir = await TempDir.make();
  const pid = () => Deno.readTextFile(dir.join("pid")).catch(() => "");
  const slow = fake(`echo $$ > ${dir.join("pid")}; exec sleep 60`, "true");
  const running = run({ tools: [slow], signal: stop.signal });
  await until(async () => /^\d+\n$/.test(await pid()), "a client runs", 10_000);
  stop.abort(new Error("enough"));
  await assert.rejects(running, /^Error: enough$/);
  const client = (await pid()).trim();
  assert.throws(() => Deno.statSync(`/proc/${client}`), Deno.errors.NotFound);
});

const TIMINGS: readonly Timing[] = [
  { work: "small", way: "send", tool: "fxfer", seconds: [2, 9, 1], faults: [] },
  {
    work: "small",
    way: "send",
    tool: "rsync",
    seconds: [1, 0.5],
    faults: ["exit 7: <went> wrong"],
  },
  { work: "small", way: "fetch", tool: "fxfer", seconds: [], faults: ["exit 1: "] },
];

Deno.test("The table has the middle of the runs and its part of fxfer's, the fastest first", () => {
  assert.deepEqual(timingLines(TIMINGS), [
    "| work        | tool  |    s | of fxfer | least | most | failed |",
    "| ----------- | ----- | ---: | -------: | ----: | ---: | -----: |",
    "| send small  | rsync | 0.75 |     0.38 |  0.50 | 1.00 |      1 |",
    "| send small  | fxfer | 2.00 |     1.00 |  1.00 | 9.00 |      0 |",
    "| fetch small | fxfer |      |          |       |      |      1 |",
  ]);
});

const ABOUT = { date: "2026-01-02T03:04:05Z", machine: "a machine", deno: "2", rounds: 3 };

Deno.test("The page has a plot and the table of each work, and what failed", drawing, () => {
  const plan = { tools: [], rounds: 3, rttMs: 50, small: 5, big: 0, dir: "." };
  const html = clientsPage(TIMINGS, plan, ["rclone, which needs rclone"], ABOUT);
  for (
    const part of [
      ...["<h2>5 files of 10 KiB</h2>", "takes 50 ms", "Left out: rclone, which needs rclone."],
      ...["fxfer (2.00 s) takes 2.67 times what rsync (0.75 s) takes", "&lt;went&gt; wrong"],
      ...["<details open>", "the\nmedian of 3 rounds", "2026-01-02 03:04 UTC"],
    ]
  ) assert.ok(html.includes(part), part);
  assert.equal(html.match(/<svg /g)?.length, 2);
  assert.ok(!/NaN|Infinity|undefined|big\.bin/.test(html));
});

Deno.test(
  "The page of the scenarios has each of them, with a colour for each contender",
  drawing,
  () => {
    const row = { scenario: "B", contender: "one", value: 1234, unit: "files/s", errors: 0 };
    const rows = [row, { ...row, contender: "two", cpuUs: NaN }, { ...row, scenario: "start" }];
    const html = scenarioPage(rows, ABOUT);
    assert.equal(html.match(/<svg /g)?.length, 4);
    for (const id of ['<section id="B">', '<section id="start">', "two", "1230"]) {
      assert.ok(html.includes(id), id);
    }
    assert.ok(!/NaN|undefined/.test(html));
  },
);

Deno.test("Flags of the comparison want it, and numbers", () => {
  const flags = (...args: string[]) => readFlags(args, ["A"]);
  assert.equal(flags("--rtt", "5"), "--rtt: only goes with --clients");
  assert.equal(flags("--clients", "--cost"), "--cost: does not go with --clients");
  for (const wrong of ["x", "-1", "1.5", "1e9"]) {
    assert.match(String(flags("--clients", `--rtt=${wrong}`)), /^--rtt: wanted a whole number/);
  }
  assert.equal(
    flags("--clients", "--small=0", "--big=0"),
    "--small: there must be files in the folder, or a large file (--big)",
  );
  const read = flags("--clients", "--rtt", "50", "--small", "0");
  assert.ok(typeof read !== "string");
  assert.deepEqual(read.clients, { rttMs: 50, small: 0, big: 256 });
  assert.ok(typeof flags() !== "string");
});
