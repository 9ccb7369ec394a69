import assert from "node:assert/strict";
import { WireView } from "../../src/cli/demo/wire_view.ts";
import { encodeReply, encodeRequest } from "../../src/protocol/mod.ts";
import { fxfer, start } from "../helpers/fxfer.ts";
import { TempDir } from "../helpers/temp.ts";

Deno.test("fxfer demo shows both modes, the cut, the resume and what is stored, and leaves nothing", async () => {
  await using folder = await TempDir.make();
  const { code, out, err } = await fxfer(["demo"], {
    cwd: folder.path,
    env: { TMPDIR: folder.path, TMP: folder.path },
  });
  assert.deepEqual([code, err], [0, ""]);
  const lines = out.split("\n");
  assert.deepEqual(lines.filter((line) => [...line].length > 80), [], "80 columns are enough");
  assert.ok(!out.includes("\x1b"), "no colours without a terminal");
  const order = [
    /^1 {2}Stateless/,
    /→ transfer +photo\.png, whole +\d+ B +4\.0 MiB$/,
    /✂ reset: 2\.5 MiB of the file/,
    /→ transfer +photo\.png, whole +\d+ B +4\.0 MiB$/,
    /→ transfer +hello\.txt, whole +\d+ B +18 B$/,
    /← ok +stored, sha256 [0-9a-f]{12}…/,
    /^2 {2}Stateful/,
    /→ connect +a new session/,
    /← session_created/,
    /→ transfer #1 /,
    /✂ reset: 2\.5 MiB of the file/,
    /← session_resumed +next is #\d, has [12]\.\d MiB/,
    /← ok #4 +stored/,
    /→ transfer #5 +hello\.txt, whole/,
    /← session_closed/,
    /^3 {2}What is stored/,
    /^ {2}stateful\/$/,
    /sha256 [0-9a-f]{8}… {2}= photo\.png$/,
    /^ {2}stateless\/$/,
    /sha256 [0-9a-f]{8}… {2}= photo\.png$/,
    /^4 {2}And back/,
    /over 2 connections, sha256 [0-9a-f]{8}… {2}= photo\.png$/,
    /of them sent again after the cut +2\.5 MiB +\d/,
    /The server counted 3 files, 4\.0 MiB, 7 requests/,
  ];
  let at = 0;
  for (const wanted of order) {
    at = lines.findIndex((line, index) => index >= at && wanted.test(line));
    assert.ok(at >= 0, `${wanted} in its place of\n${out}`);
  }
  assert.deepEqual([...Deno.readDirSync(folder.path)], [], "nothing is left");
});

for (
  const [args, shown] of [[["demo"], /session_created/], [["learn", "3"], /session_/]] as const
) {
  Deno.test({
    name: `fxfer ${args[0]} that is interrupted leaves nothing either`,
    ignore: Deno.build.os === "windows",
    async fn() {
      await using folder = await TempDir.make();
      const env = { TMPDIR: folder.path };
      const running = start(args, { cwd: folder.path, env });
      await running.output.wait((line) => shown.test(line), "it is at work");
      running.kill("SIGINT");
      assert.equal((await running.ended).code, 130);
      assert.deepEqual([...Deno.readDirSync(folder.path)], []);
    },
  });
}

Deno.test("WireView counts a frame's own bytes apart from the file's, however they are split", {
  permissions: "none",
}, () => {
  const head = encodeRequest({
    id: null,
    mode: "stateless",
    sequence: 1,
    action: "transfer",
    size: 5,
    data: { name: "a{\n}.txt" },
  });
  const reply = encodeReply(
    { id: null, mode: "stateless", sequence: 1, action: "transfer" },
    { code: "ok" },
  );
  for (const step of [1, 7, 10_000]) {
    const seen: string[] = [];
    const view = new WireView(({ frame, overhead }) => seen.push(`${frame.type} ${overhead}`));
    const up = new Uint8Array(2 * (head.length + 5));
    for (const at of [0, head.length + 5]) {
      up.set(head, at);
      up.set(new TextEncoder().encode("a\n{}b"), at + head.length);
    }
    for (let at = 0; at < up.length; at += step) view.feed(0, "up", up.subarray(at, at + step));
    view.feed(0, "down", reply);
    assert.deepEqual(seen, [
      `request ${head.length}`,
      `request ${head.length}`,
      `reply ${reply.length}`,
    ]);
    assert.deepEqual(view.totals, {
      frames: 3,
      overhead: 2 * head.length + reply.length,
      payload: 10,
    });
    assert.equal(view.payloadOf(0), 10);
  }
});
