/** `fxfer watch`, what it saves, and the dissector for Wireshark. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { FaultProxy } from "../../src/chaos/mod.ts";
import { recordOf } from "../../src/cli/watch/record.ts";
import { RULES, ruleSentences } from "../../src/cli/watch/rules.ts";
import { connect } from "../../src/client/mod.ts";
import { fxfer, start } from "../helpers/fxfer.ts";
import { InProcess } from "../helpers/in_process.ts";
import { pcap, type Piece } from "../helpers/pcap.ts";
import { randomBytes } from "../helpers/random.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

Deno.test("fxfer watch shows and saves each frame with its rule, replays it, and keeps no secret", async () => {
  await using server = await InProcess.start();
  await using folder = await TempDir.make();
  const saved = folder.join("saved.jsonl");
  const run = start(["watch", `127.0.0.1:${server.port}`, "--save", saved], { cwd: folder.path });
  const first = await run.output.wait((line) => line.startsWith("listening"), "the port");
  const port = Number(/:(\d+), to /.exec(first)![1]);
  const secrets: string[] = [];
  {
    await using client = await connect({ port, mode: "stateful" });
    await client.send(new TextEncoder().encode("hello\n"), { name: "ev\x1bil.txt" });
    secrets.push(client.token!);
    await client.disconnect();
  }
  await run.output.wait((line) => line.endsWith("connection 1 closed"), "the end");
  run.kill("SIGINT");
  const { code, out, err } = await run.ended;
  assert.deepEqual([code, err], [0, ""]);
  const order = [
    /^ {2}→ connect +a new session/,
    /^ {6}S-CON-1 \S/,
    /^ {2}← session_created/,
    /^ {6}S-CON-1$/,
    /^ {2}→ transfer #1 .*whole +\d+ B +6 B$/,
    /^ {2}← ok #1 +stored/,
    /^ {6}S-TRF-7 `ok` means/,
    /^ {2}→ disconnect #2/,
    /^ {2}← session_closed/,
  ];
  const lines = out.split("\n");
  let at = 0;
  for (const wanted of order) {
    at = lines.findIndex((line, index) => index >= at && wanted.test(line));
    assert.ok(at >= 0, `${wanted} in its place of\n${out}`);
  }
  assert.deepEqual(lines.filter((line) => [...line].length > 80 || line.includes("\x1b")), []);

  const text = await Deno.readTextFile(saved);
  assert.equal(secrets.filter((secret) => secret.length < 20 || text.includes(secret)).length, 0);
  if (Deno.build.os !== "windows") assert.equal((await Deno.stat(saved)).mode! & 0o777, 0o600);
  const replay = await fxfer(["watch", "--replay", saved], { cwd: folder.path });
  assert.deepEqual([replay.code, replay.out], [0, lines.slice(2).join("\n")]);
});

Deno.test("fxfer watch forwards what it cannot read, and says so", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using folder = await TempDir.make();
  const { port } = listener.addr as Deno.NetAddr;
  const run = start(["watch", "--to", `127.0.0.1:${port}`], { cwd: folder.path });
  const first = await run.output.wait((line) => line.startsWith("listening"), "the port");
  using near = await Deno.connect({ port: Number(/:(\d+), to /.exec(first)![1]) });
  using far = await listener.accept();
  const hello = new Uint8Array(100_000).fill(0x16);
  for (let at = 0; at < hello.length;) at += await near.write(hello.subarray(at));
  const buffer = new Uint8Array(65_536);
  for (let seen = 0; seen < hello.length;) seen += (await far.read(buffer))!;
  await run.output.wait((line) => line.includes("no frames of version 2"), "the sentence");
  run.kill("SIGTERM");
  assert.equal((await run.ended).code, 0);
});

Deno.test("fxfer watch names wrong flags and files", async () => {
  await using folder = await TempDir.make();
  await Deno.writeTextFile(folder.join("other.jsonl"), '{"ms":1}\n');
  await Deno.mkdir(folder.join("dir"));
  for (
    const [args, code, text] of [
      [[], 1, /Name the server as HOST:PORT/],
      [["x"], 1, /wanted an address/],
      [["1.2.3.4:1", "--replay", "f"], 1, /--replay stands alone/],
      [["--replay", "none"], 8, /Cannot read none: there is no such file/],
      [["--replay", "other.jsonl"], 8, /line 1 was not saved by fxfer watch/],
      [
        ["127.0.0.1:1", "--save", "other.jsonl"],
        8,
        /Cannot write other.jsonl: it is there already\n/,
      ],
    ] as const
  ) {
    const ran = await fxfer(["watch", ...args], { cwd: folder.path });
    assert.deepEqual([ran.code, ran.out], [code, ""], args.join(" "));
    assert.match(ran.err, text);
  }
});

Deno.test("Every rule that fxfer watch names is in the contract, with a sentence", async () => {
  const sentences = await ruleSentences();
  assert.ok(sentences.size > 50);
  for (const rule of RULES) assert.match(sentences.get(rule) ?? "", /^\S.{15,}[.:]$/, rule);
});

Deno.test(
  "A record has nothing by which a session can be continued",
  { permissions: "none" },
  () => {
    const session = {
      id: null,
      mode: "stateful",
      sequence: 0,
      action: "connect",
      dataSize: 0,
    } as const;
    const header = { version: "2.1", mimeType: "a/b", size: 0, session };
    const reply = {
      header,
      body: { code: "session_created", token: "s3cret", ticket: "s3cret" },
    } as const;
    const seen = { connection: 0, overhead: 1, frame: { type: "reply", reply } } as const;
    const text = JSON.stringify(recordOf(seen));
    assert.ok(text.includes("session_created") && !text.includes("s3cret"), text);
  },
);

testWith(["tshark"], "The Wireshark dissector reads a captured transfer", async (tshark) => {
  await using server = await InProcess.start({ maxRequestSize: 20_000 });
  await using folder = await TempDir.make();
  const pieces: Piece[] = [];
  const target = { hostname: "127.0.0.1", port: server.port };
  await using proxy = await FaultProxy.listen({
    target,
    onBytes: (_, direction, bytes) => pieces.push({ direction, bytes: bytes.slice() }),
  });
  {
    await using client = await connect({ port: proxy.port, mode: "stateful" });
    await client.send(randomBytes(50_000, 1), { name: 'a "\\{}.bin' });
    await client.disconnect();
  }
  await Deno.writeFile(folder.join("a.pcap"), pcap(pieces, 65432));
  const lua = fileURLToPath(new URL("../../deploy/wireshark/fxfer.lua", import.meta.url));
  const fields = ["action", "sequence", "code", "name", "size"].flatMap((name) => [
    "-e",
    `fxfer.${name}`,
  ]);
  const script = ["-X", `lua_script:${lua}`, "-r", folder.join("a.pcap")];
  const output = await new Deno.Command(tshark, {
    args: [...script, "-Y", "fxfer", "-T", "json", ...fields],
    env: { HOME: folder.path },
  }).output();
  assert.ok(output.success, new TextDecoder().decode(output.stderr));
  const layers = JSON.parse(new TextDecoder().decode(output.stdout)).map(
    ({ _source }: { _source: { layers: Record<string, string[]> } }) => _source.layers,
  );
  const all = (name: string) =>
    layers.flatMap((layer: Record<string, string[]>) => layer[name] ?? []);
  const count = (name: string, value: string) =>
    all(name).filter((one: string) => one === value).length;
  assert.equal(count("fxfer.code", "session_created"), 1);
  assert.equal(count("fxfer.code", "partial"), 2);
  assert.equal(count("fxfer.code", "ok"), 1);
  assert.equal(count("fxfer.code", "session_closed"), 1);
  assert.equal(count("fxfer.action", "transfer"), 6);
  assert.deepEqual(count("fxfer.size", "20000") + count("fxfer.size", "10000"), 3);
  const list = await new Deno.Command(tshark, { args: script, env: { HOME: folder.path } })
    .output();
  assert.match(new TextDecoder().decode(list.stdout), / fxfer .*transfer #1, 20000 bytes/);
});
