import assert from "node:assert/strict";
import { Health, Readiness, type ReadinessParts } from "../../src/admin/mod.ts";
import { createLogger, type LogEvent } from "../../src/log.ts";
import { hasten } from "../helpers/hastened.ts";
import { Program } from "../helpers/program.ts";
import { until } from "../helpers/serving.ts";
import { session } from "../helpers/sessions.ts";

/** A listener over parts that do what the test says. */
function start(change: Partial<ReadinessParts> = {}) {
  const events: LogEvent[] = [];
  const parts = {
    server: { stopping: false },
    storage: { check: () => Promise.resolve() },
    store: { stats: () => Promise.resolve({ live: 0, ended: 0 }) },
    ...change,
  };
  const readiness = new Readiness(parts, createLogger((event) => events.push(event)));
  const health = new Health({ hostname: "127.0.0.1", port: 0 }, readiness);
  return { health, events, [Symbol.asyncDispose]: () => health[Symbol.asyncDispose]() };
}

async function get(
  port: number,
  path: string,
  method = "GET",
): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return { status: response.status, body: (await response.text()).trim() };
}

Deno.test("/healthz is 200 while the process answers, /readyz while it should get connections", async () => {
  await using it = start();
  const { port } = it.health.addr;
  assert.deepEqual(await get(port, "/healthz"), { status: 200, body: '{"status":"alive"}' });
  assert.deepEqual(await get(port, "/readyz"), { status: 200, body: '{"status":"ready"}' });
  assert.deepEqual(await get(port, "/readyz", "HEAD"), { status: 200, body: "" });
  assert.equal((await get(port, "/")).status, 404);
  assert.equal((await get(port, "/readyz/../etc")).status, 404);
  assert.equal((await get(port, "/readyz", "POST")).status, 405);
});

Deno.test("/readyz is 503 at once when the server was told to stop (S-DRN-1)", async () => {
  const server = { stopping: false };
  await using it = start({ server });
  const { port } = it.health.addr;
  assert.equal((await get(port, "/readyz")).status, 200);
  server.stopping = true;
  const body = '{"status":"unready","reason":"stopping"}';
  assert.deepEqual(await get(port, "/readyz"), { status: 503, body });
  assert.equal((await get(port, "/healthz")).status, 200);
});

for (const part of ["storage", "store"] as const) {
  Deno.test(`/readyz is 503 while ${part} fails, and 200 again without a restart (S-DEG-1)`, async () => {
    let down = true;
    const work = () => down ? Promise.reject(new Error("away")) : Promise.resolve();
    await using it = start(
      part === "store"
        ? { store: { stats: () => work().then(() => ({ live: 0, ended: 0 })) } }
        : { storage: { check: work } },
    );
    const { port } = it.health.addr;
    const body = `{"status":"unready","reason":"${part}"}`;
    assert.deepEqual(await get(port, "/readyz"), { status: 503, body });
    down = false;
    await until(async () => (await get(port, "/readyz")).status === 200, "ready again", 3000);
    assert.deepEqual(it.events.map(({ event }) => event), ["health.unready", "health.ready"]);
  });
}

Deno.test("/readyz asks a store that can prove it whether a session can be saved", async () => {
  let full = true;
  let reads = 0;
  await using it = start({
    store: {
      // Reading works all the while.
      stats: () => Promise.resolve({ live: reads++, ended: 0 }),
      check: () => full ? Promise.reject(new Error("READONLY")) : Promise.resolve(),
    },
  });
  const { port } = it.health.addr;
  assert.equal((await get(port, "/readyz")).status, 503);
  full = false;
  await until(async () => (await get(port, "/readyz")).status === 200, "ready again", 3000);
  assert.equal(reads, 0);
  assert.match(String(it.events[0]!.fields.cause), /READONLY/);
});

Deno.test("/readyz is 503 when the store does not answer at all", async () => {
  await using it = start({ store: { stats: () => new Promise(() => {}) } });
  const start_ = performance.now();
  assert.equal((await get(it.health.addr.port, "/readyz")).status, 503);
  assert.ok(performance.now() - start_ < 3000);
});

Deno.test("Asking often looks once a second", async () => {
  let looks = 0;
  await using it = start({
    storage: {
      check: () => {
        looks++;
        return Promise.resolve();
      },
    },
  });
  await Promise.all(Array.from({ length: 20 }, () => get(it.health.addr.port, "/readyz")));
  assert.equal(looks, 1);
});

Deno.test({
  name:
    "fxfer serve answers on server.health_port until it has ended, 503 while it stops (S-DRN-1)",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using server = await Program.serve({
      set: { "server.health_port": 0, "server.drain_timeout": 1 },
    });
    const { port } = await server.event("health.listening");
    assert.deepEqual(await get(port, "/readyz"), { status: 200, body: '{"status":"ready"}' });
    using peer = await session(server);
    await peer.send(peer.transfer(new Uint8Array(1000), {}, { size: 1_000_000 }));
    server.signal("SIGTERM");
    await server.event("server.stopping");
    const { status, body } = await get(port, "/readyz");
    assert.deepEqual([status, body], [503, '{"status":"unready","reason":"stopping"}']);
    assert.equal((await peer.reply()).data.code, "server_shutting_down");
    peer.close();
    assert.equal((await server.status()).code, 0);
    await assert.rejects(get(port, "/healthz"));
  },
});

Deno.test("connections that say nothing keep no probe waiting, and few of them stay open", async () => {
  await using it = start();
  const { port } = it.health.addr;
  const held: Deno.TcpConn[] = [];
  try {
    for (let n = 0; n < 100; n++) {
      const conn = await Deno.connect({ port });
      held.push(conn);
      await conn.write(new TextEncoder().encode("GET /healthz HTTP/1.1\r\nhost: x\r\n"));
    }
    assert.equal((await get(port, "/healthz")).status, 200);
    // The oldest had to go, and its peer sees the end.
    const end = await held[0]!.read(new Uint8Array(1)).catch(() => null);
    assert.equal(end, null);
  } finally {
    for (const conn of held) conn.close();
  }
});

for (
  const [what, request, status] of [
    ["no HTTP at all", "hello\r\n\r\n", 400],
    ["a head without end", "GET / HTTP/1.1\r\nx: " + "y".repeat(9000), 431],
    ["HTTP/1.0", "GET /readyz HTTP/1.0\r\n\r\n", 200],
    ["a whole URL", "GET http://x:1/healthz?a HTTP/1.1\r\n\r\n", 200],
    ["a body", "POST /healthz HTTP/1.1\r\ncontent-length: 5000\r\n\r\n" + "z".repeat(5000), 405],
  ] as const
) {
  Deno.test(`the health port answers ${what} with ${status}`, async () => {
    await using it = start();
    using conn = await Deno.connect({ port: it.health.addr.port });
    await conn.write(new TextEncoder().encode(request));
    const text = await new Response(conn.readable).text();
    assert.ok(text.startsWith(`HTTP/1.1 ${status} `), text);
  });
}

Deno.test("the health port closes a connection after 5 s, whatever it does", async () => {
  using _sooner = hasten(5000, 500);
  await using it = start();
  using conn = await Deno.connect({ port: it.health.addr.port });
  const begun = performance.now();
  await conn.write(new TextEncoder().encode("GET /healthz"));
  assert.equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
  const took = performance.now() - begun;
  assert.ok(took > 450 && took < 2500, `${took} ms`);
});
