import assert from "node:assert/strict";
import { Events, type ServerEvent } from "../../src/events.ts";
import { createLogger } from "../../src/log.ts";
import { traceEvents } from "../../src/trace/mod.ts";
import { proxied } from "../helpers/fault_proxy.ts";
import { start } from "../helpers/fxfer.ts";
import { pure } from "../helpers/pure.ts";
import type { Json } from "../helpers/raw_frame.ts";
import { serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

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
  for (const step of steps) assert.match(step, /^trace \d+\.\d{3}s (S-[A-Z]+-\d|retry) /);
  const rules = steps.map((step) => /S-[A-Z]+-\d|retry/.exec(step)![0]);
  assert.deepEqual(rules, ["S-CON-1", "S-DIS-1", "retry", "S-CON-2", "S-TRF-1"]);
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

const SESSION = { connection: 1, session: "a1b2c3d4" } as const;
const from = (from: "Idle" | "Authenticated" | "Active" | "Detached") => ({ ...SESSION, from });
const attached = { epoch: 2, sequence: 0, address: "10.0.0.2" };

/** Events, and what is told of them. */
const TOLD: readonly (readonly [event: ServerEvent, line: string])[] = [
  [
    {
      ...{ type: "session.created", rule: "S-CON-1", ...from("Idle"), to: "Authenticated" },
      ...{ address: "10.0.0.1", secret: false },
    },
    "Idle → Connected → Authenticated: S-CON-1 a new session for 10.0.0.1",
  ],
  [
    { type: "session.early", rule: "S-CON-9", ...from("Authenticated"), to: "Authenticated" },
    "Authenticated: S-CON-9 a frame came that was sent with the connect",
  ],
  [
    { type: "session.renewed", rule: "S-CLK-4", ...from("Active"), to: "Active" },
    "Active: S-CLK-4 heard of: the lease is renewed",
  ],
  [
    {
      ...{ type: "session.taken_over", rule: "S-TAKE-2", ...from("Active"), to: "Authenticated" },
      ...attached,
    },
    "Active → Authenticated: S-TAKE-2 taken over by 10.0.0.2: epoch 2, next is sequence 1",
  ],
  [
    {
      ...{ type: "session.resumed", rule: "S-CON-2", ...from("Detached"), to: "Authenticated" },
      ...{ ...attached, offset: 5 },
    },
    "Detached → Authenticated: S-CON-2 resumed by 10.0.0.2: epoch 2, next is sequence 1, " +
    "5 bytes of a file are here",
  ],
  [
    { type: "transfer.begun", rule: "S-TRF-1", ...from("Authenticated"), to: "Active" },
    "Authenticated → Active: S-TRF-1 a file begins",
  ],
  [
    {
      ...{ type: "transfer.announced", rule: "S-SEQ-5", ...from("Authenticated"), to: "Active" },
      ...{ sequence: 1, bytes: 5 },
    },
    "Authenticated → Active: S-SEQ-5 a file is about to get its final name",
  ],
  [
    { type: "transfer.checkpointed", rule: "S-TRF-4", ...from("Active"), to: "Active", offset: 5 },
    "Active: S-TRF-4 checkpoint: 5 bytes are kept",
  ],
  [
    {
      ...{ type: "session.detached", rule: "S-DIS-1", ...from("Active"), to: "Detached" },
      expires_ms: 300_000,
    },
    "Active → Detached: S-DIS-1 the connection is gone: it expires in 300 s",
  ],
  [
    { type: "session.expired", rule: "S-CLK-1", ...from("Detached"), to: "Timeout" },
    "Detached → Timeout: S-CLK-1 its time is over",
  ],
  [
    {
      ...{ type: "session.closed", rule: "S-DIS-1", ...from("Active"), to: "Disconnected" },
      ...{ files: 0, bytes: 0, messages: 1 },
    },
    "Active → Disconnected: S-DIS-1 closed: 0 files, 0 bytes, 1 messages",
  ],
  [
    { type: "session.fenced", rule: "S-TAKE-2", ...SESSION },
    "unchanged: S-TAKE-2 another process has the session: this connection saves nothing more",
  ],
  [
    {
      ...{ type: "transfer.refused", rule: "S-SEQ-2", ...SESSION, sequence: 3 },
      ...{ code: "sequence_gap", reason: "Cannot run frame: an earlier one is missing" },
    },
    "unchanged: S-SEQ-2 sequence 3, sequence_gap: Cannot run frame: an earlier one is missing",
  ],
];

pure("traceEvents() tells the state, the rule and a sentence for each step of a session", () => {
  const lines: string[] = [];
  const events = new Events();
  const log = createLogger(({ event, fields: { session, worker, state, rule, step } }) => {
    assert.deepEqual([event, session, worker], ["session.step", "a1b2c3d4", 2]);
    lines.push(`${state}: ${rule} ${step}`);
  });
  {
    using _trace = traceEvents(events, log);
    for (const [event] of TOLD) events.emit({ worker: 2, ...event });
    events.emit({ type: "transfer.stored", connection: 1, path: "x", bytes: 1 });
    events.emit({ type: "connection.opened", connection: 1, address: "10.0.0.1" });
  }
  events.emit(TOLD[0]![0]);
  assert.deepEqual(lines, TOLD.map(([, line]) => line));
});
