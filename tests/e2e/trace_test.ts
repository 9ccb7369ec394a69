import assert from "node:assert/strict";
import { stateWords, stepsBetween } from "../../src/trace/session_steps.ts";
import { tracingStore } from "../../src/trace/tracing_store.ts";
import { createLogger } from "../../src/log.ts";
import {
  attach,
  checkpoint,
  createSession,
  detach,
  execute,
  expire,
  intendWhole,
  openUpload,
  renewLease,
  type SessionRecord,
} from "../../src/session/mod.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";
import { proxied } from "../helpers/fault_proxy.ts";
import { start } from "../helpers/fxfer.ts";
import type { Json } from "../helpers/raw_frame.ts";
import { serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";
import { storeSuite } from "../store_suite.ts";

const MIB = 1 << 20;
const test = serving("--trace", { args: ["--trace"] });

test("serve tells each change of a session, and send those of its client, with the rule", async (server) => {
  await using folder = await TempDir.make();
  await Deno.writeFile(folder.join("a.bin"), new Uint8Array(4 * MIB));
  await using net = await proxied(server, (connection) => ({
    up: connection === 0
      ? { chunk: 65536, delayMs: 1, faults: [{ after: 2 * MIB, kind: "reset" }] }
      : { faults: [{ after: 0, kind: "stall" }] },
  }));
  const args = ["send", "--trace", "-q", "-p", String(net.proxy.port), "a.bin"];
  const sending = start(args, { cwd: folder.path });
  // Else the client might be back before the server has noticed that it was gone.
  await server.event("session.step", ({ state }) => state === "Active → Detached");
  await net.events.wait(({ type, connection }) => type === "fault" && connection === 1);
  net.proxy.release();
  const { code, err } = await sending.ended;
  assert.equal(code, 0, err);
  const steps = err.trimEnd().split("\n");
  for (const step of steps) assert.match(step, /^trace \d+\.\d{3}s (S-[A-Z]+-\d|§9 retry) /);
  const rules = steps.map((step) => /S-[A-Z]+-\d|§9/.exec(step)![0]);
  assert.deepEqual(rules, ["S-CON-1", "S-DIS-1", "§9", "S-CON-2", "S-TRF-1"]);
  assert.match(steps[0]!, /Idle → Connected → Authenticated: session [0-9a-f]{8} is new$/);

  await server.event("session.step", ({ state }) => state === "Active → Disconnected");
  const told = server.log.all.map(({ json }) => json)
    .filter(({ event }: Json) => event === "session.step");
  const order = [
    ["S-CON-1", "Idle → Connected → Authenticated"],
    ["S-TRF-1", "Authenticated → Active"],
    ["S-DIS-1", "Active → Detached"],
    ["S-CON-2", "Detached → Authenticated"],
    ["S-TRF-7", "Authenticated → Active"],
    ["S-DIS-1", "Active → Disconnected"],
  ];
  let at = -1;
  for (const [rule, state] of order) {
    at = told.findIndex((step: Json, index) =>
      index > at && step.rule === rule && (step.state === state || rule === "S-TRF-7")
    );
    assert.ok(at >= 0, `${rule} ${state} in its place of ${JSON.stringify(told, null, 1)}`);
  }
});

storeSuite("tracingStore() over memory", () => {
  const store = tracingStore(new MemorySessionStore(), createLogger(() => {}));
  return Promise.resolve({ store, [Symbol.asyncDispose]: () => Promise.resolve() });
}, {
  gaps: {
    shared: "memory belongs to one process",
    persistent: "memory ends with its process",
  },
});

const START = 1_000_000;
const NEW: SessionRecord = createSession({
  id: "a1b2c3d4-0000-4000-8000-000000000000",
  instance: "one",
  tokenHash: null,
  clientAddress: "10.0.0.1",
  keepaliveMs: 30_000,
  expiryMs: 300_000,
  now: START,
});

Deno.test("stepsBetween() names the rule of each change", { permissions: "none" }, () => {
  const told = (before: SessionRecord | undefined, after: SessionRecord) =>
    `${stateWords(before, after)}: ` +
    stepsBetween(before, after).map(({ rule, words }) => `${rule} ${words}`).join("; ");
  const init = { ...NEW, instance: "two", clientAddress: "10.0.0.2", now: START + 1 };
  assert.equal(
    told(undefined, NEW),
    "Idle → Connected → Authenticated: S-CON-1 a new session for 10.0.0.1",
  );
  assert.equal(
    told(NEW, renewLease(NEW, START)),
    "Authenticated: S-CLK-4 heard of: the lease is renewed",
  );
  assert.equal(
    told(NEW, attach(NEW, init)),
    "Authenticated: S-TAKE-2 taken over by 10.0.0.2: epoch 2, next is sequence 1",
  );
  const upload = {
    openedBy: 1,
    sequence: 1,
    offset: 0,
    mimeType: "image/png",
    temporaryPath: "x.part",
    finalPath: "x",
  };
  const opened = openUpload(NEW, upload, START);
  assert.equal(told(NEW, opened), "Authenticated → Active: S-TRF-1 a file begins");
  const intent = { ...upload, size: 5, sha256: "0".repeat(64), fingerprint: "f" };
  assert.equal(
    told(NEW, intendWhole(NEW, upload, intent, START)),
    "Authenticated → Active: S-TRF-1 a file begins; S-SEQ-5 a file is about to get its final name",
  );
  const kept = checkpoint(opened, 5, START);
  assert.equal(told(opened, kept), "Active: S-TRF-4 checkpoint: 5 bytes are kept");
  const gone = detach(kept, START);
  assert.equal(
    told(kept, gone),
    "Active → Detached: S-DIS-1 the connection is gone: it expires in 300 s",
  );
  assert.equal(
    told(gone, attach(gone, init)),
    "Detached → Authenticated: S-CON-2 resumed by 10.0.0.2: epoch 2, next is sequence 1, " +
      "5 bytes of a file are here",
  );
  assert.equal(
    told(gone, expire(gone, START + 300_000)),
    "Detached → Timeout: S-CLK-1 its time is over: its partial file goes",
  );
  const closed = execute(NEW, {
    sequence: 1,
    fingerprint: "f",
    reply: { code: "session_closed" },
    upload: null,
    storedBytes: 0,
    storedFiles: 0,
    maxInflight: 16,
    now: START,
    input: "disconnect",
  });
  assert.equal(
    told(NEW, closed),
    "Authenticated → Disconnected: S-SEQ-4 sequence 1 ran, answered session_closed; " +
      "S-DIS-1 closed: 0 files, 0 bytes, 1 messages",
  );
});
