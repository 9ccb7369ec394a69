import assert from "node:assert/strict";
import { METRICS } from "../../src/operate/mod.ts";
import { FLAGS_W } from "../helpers/program.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { resume, session } from "../helpers/sessions.ts";
import { metric, operated } from "./operators.ts";

/** The whole of a metric over all of its labels. */
const sum = (text: string, name: string) =>
  [...metric(text, name).values()].reduce((sum, value) => sum + value, 0);

Deno.test("/metrics counts requests, files, bytes, resumes and replies from memory, in the sandbox", async () => {
  await using it = await operated({ flags: FLAGS_W, set: { "logging.level": "debug" } });
  using one = await RawPeer.open(it.server);
  assert.equal((await one.stateless("hello")).data.code, "ok");
  const first = await session(it.server);
  const { id } = first;
  await first.send(first.transfer(new Uint8Array(1000), { length: 5000 }, { size: 1000 }));
  first.close();
  await it.server.event("session.detached");
  const { peer } = await resume(it.server, id);
  peer.close();
  const { text, headers } = await it.ask("/metrics");
  assert.match(headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  const requests = metric(text, "fxfer_requests_total");
  const key = '{action="transfer",mode="stateless",code="ok",class="success"}';
  assert.equal(requests.get(key), 1);
  assert.equal(sum(text, "fxfer_files_stored_total"), 1);
  assert.equal(sum(text, "fxfer_file_bytes_stored_total"), 5);
  assert.equal(sum(text, "fxfer_sessions_created_total"), 1);
  assert.equal(sum(text, "fxfer_sessions_resumed_total"), 1);
  assert.ok(sum(text, "fxfer_received_bytes_total") > 1000);
  assert.ok(sum(text, "fxfer_sent_bytes_total") > 100);
  assert.ok(sum(text, "process_resident_memory_bytes") > 1e6);
});

Deno.test("/metrics has every metric that is named, few series, and no word of a client", async () => {
  await using it = await operated({ set: { "storage.budget": "1g" } });
  using peer = await session(it.server);
  await peer.send(peer.transfer("secret bytes", { name: "secret-name.txt" }));
  await peer.reply();
  const { text } = await it.ask("/metrics");
  const named = Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name!);
  const optional = [
    "fxfer_storage_free_bytes",
    "fxfer_certificate_not_after_timestamp_seconds",
    ...["fxfer_hooks_waiting", "fxfer_hooks_dead", "fxfer_hooks_delivered_total"],
  ];
  assert.deepEqual(
    Object.keys(METRICS).filter((name) => !named.includes(name) && !optional.includes(name)),
    [],
  );
  for (const name of named) assert.ok(name in METRICS, name);
  const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.ok(series.length <= 200, `${series.length} series`);
  for (const secret of ["secret", peer.id!.slice(0, 8), "127.0.0.1"]) {
    assert.ok(!text.includes(secret), secret);
  }
});

Deno.test("However many outcomes there are, the series stay under 200", async () => {
  const { Tally, ...operate } = await import("../../src/operate/mod.ts");
  const { metricsOf } = await import("../../src/operate/metrics.ts");
  const { CODES, FxferError, isCode } = await import("../../src/errors.ts");
  assert.ok(operate.METRICS);
  using tally = new Tally();
  let code = "";
  const handler = tally.watch({
    handle() {
      throw new FxferError(isCode(code) ? code : "internal_error");
    },
  });
  for (const mode of ["stateless", "stateful"] as const) {
    for (
      const action of ["transfer", "connect", "heartbeat", "disconnect", "fetch", "list", "remove"]
    ) {
      for (code of Object.keys(CODES)) {
        const frame = { action, header: { session: { mode } } };
        // deno-lint-ignore no-explicit-any -- only what is counted matters
        assert.throws(() => handler.handle({ version: 2, frame, payload: {} } as any, {} as any));
      }
    }
  }
  const sample = tally.sample();
  const values = metricsOf(sample).flatMap(({ values }) => values);
  // 26 is what the process adds, and the states of sessions.
  assert.ok(values.length + 26 <= 200, `${values.length}`);
  const total = Object.values(sample.outcomes).reduce((sum, count) => sum + count, 0);
  assert.equal(total, 2 * 7 * Object.keys(CODES).length);
});

Deno.test({
  name: "/metrics has the sums of all workers, and settings reach each of them",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using it = await operated({
      flags: ["-A"],
      set: { "server.workers": 2, "stateful.persistence": "sqlite" },
    });
    for (let n = 0; n < 40; n++) {
      using peer = await RawPeer.open(it.server);
      assert.equal((await peer.stateless(`file ${n}`)).data.code, "ok");
    }
    const { text } = await it.ask("/metrics");
    assert.equal(sum(text, "fxfer_files_stored_total"), 40);
    assert.equal(sum(text, "fxfer_connections_accepted_total"), 40);
    assert.equal(sum(text, "fxfer_workers"), 2);
    const settings = { "server.mode": "stateful" };
    const changed = await it.ask("/api/v1/settings", { method: "PATCH", body: settings });
    assert.deepEqual(changed.json, { changed: ["server.mode"] });
    for (let n = 0; n < 20; n++) {
      using peer = await RawPeer.open(it.server);
      assert.equal((await peer.stateless("late")).data.code, "mode_not_allowed");
    }
    using peer = await session(it.server);
    const { json } = await it.ask(`/api/v1/sessions/${peer.id!.slice(0, 8)}`, { method: "DELETE" });
    assert.equal(json.revoked, true, JSON.stringify(json));
    assert.equal((await peer.reply()).data.code, "session_revoked");
  },
});
