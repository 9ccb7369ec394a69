import assert from "node:assert/strict";
import { frame, type Json } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { until } from "../helpers/serving.ts";
import { session } from "../helpers/sessions.ts";
import { TempDir } from "../helpers/temp.ts";
import { issue } from "../helpers/certificates.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { FLAGS_W } from "../helpers/program.ts";
import { ask, operated } from "./operators.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const bearer = { authorization: `Bearer ${TOKEN}` };

/** A server whose door asks for a token. */
async function guarded() {
  const temp = await TempDir.make();
  await Deno.writeTextFile(`${temp.path}/token`, `${TOKEN}\n`);
  const set = { "admin.token_file": `${temp.path}/token` };
  const it = await operated({ flags: ["-A"], set });
  return {
    ...it,
    async [Symbol.asyncDispose]() {
      await it[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

Deno.test("S-ADM-1 a revoked session's client is told session_revoked, now and at its next connect", async () => {
  await using it = await operated();
  using peer = await session(it.server);
  const id = peer.id!.slice(0, 8);
  const { json: { sessions } } = await it.ask("/api/v1/sessions");
  assert.deepEqual(sessions.map((each: { id: string }) => each.id), [id]);
  const revoked = await it.ask(`/api/v1/sessions/${id}`, { method: "DELETE" });
  assert.equal(revoked.status, 200);
  const { header, data } = await peer.reply();
  assert.deepEqual([header.session.action, data.code, data.notice], [
    "disconnect",
    "session_revoked",
    true,
  ]);
  assert.equal(await peer.rest(), "");
  using again = await RawPeer.open(it.server);
  assert.equal((await again.connect({}, peer.id)).data.code, "session_revoked");
  const twice = await it.ask(`/api/v1/sessions/${id}`, { method: "DELETE" });
  assert.deepEqual([twice.status, twice.json.code], [409, "session_expired"]);
  assert.equal((await it.ask("/api/v1/sessions/00000000", { method: "DELETE" })).status, 404);
  await it.server.event("session.revoked", ({ session }) => session === id);
});

Deno.test("S-ADM-1 revoking drops an open file in the middle of its bytes", async () => {
  await using it = await operated();
  using peer = await session(it.server);
  await peer.send(peer.transfer(new Uint8Array(200_000), { length: 1e6 }, { size: 1e6 }));
  const path = `/api/v1/sessions/${peer.id!.slice(0, 8)}`;
  await until(async () => (await it.ask(path)).json.upload !== null, "the file is open");
  await it.ask(path, { method: "DELETE" });
  assert.equal((await peer.reply()).data.code, "session_revoked");
  assert.equal((await it.ask(path)).json.upload, null);
});

Deno.test("S-ADM-1 a session held by another server of the store is revoked there within a second", async () => {
  await using temp = await TempDir.make();
  const set = { "stateful.persistence": "sqlite" };
  await using one = await operated({ cwd: temp.path, set });
  await using two = await operated({ cwd: temp.path, set });
  using peer = await session(one.server);
  const begun = performance.now();
  const path = `/api/v1/sessions/${peer.id!.slice(0, 8)}`;
  assert.equal((await two.ask(path, { method: "DELETE" })).status, 200);
  assert.equal((await peer.reply()).data.code, "session_revoked");
  const took = performance.now() - begun;
  // A second by the clock of the look, and what a busy machine adds.
  assert.ok(took < 4000, `${took} ms`);
});

Deno.test("S-ADM-3 server.mode changes while it runs: sessions go on, new ones are refused, and back", async () => {
  await using it = await operated();
  using old = await session(it.server);
  const patch = (body: unknown) => it.ask("/api/v1/settings", { method: "PATCH", body });
  assert.deepEqual((await patch({ "server.mode": "stateless" })).json, {
    changed: ["server.mode"],
  });
  assert.equal((await old.upload("one")).data.code, "ok");
  using refused = await RawPeer.open(it.server);
  assert.equal((await refused.connect()).data.code, "mode_not_allowed");
  using fallen = await RawPeer.open(it.server);
  const reply = (await fallen.connect({ fallback: "stateless" })).data;
  assert.deepEqual([reply.code, reply.mode, reply.degraded], [
    "ok",
    "stateless",
    "mode_not_allowed",
  ]);
  assert.equal((await fallen.stateless("x")).data.code, "ok");
  await patch({ "server.mode": "stateful" });
  using none = await RawPeer.open(it.server);
  assert.equal((await none.stateless("x")).data.code, "mode_not_allowed");
  await patch({ "server.mode": "dual", "versions.v1": "off", "stateful.max_sessions": 1 });
  using full = await RawPeer.open(it.server);
  assert.equal((await full.connect()).data.code, "max_sessions");
  await it.server.event("settings.changed", ({ changed }) => changed.includes("versions.v1"));
});

Deno.test("S-ADM-3 a faulty change changes nothing, says all that is wrong, and what was meant", async () => {
  await using it = await operated();
  const body = { "stateful.max_sessions": 7, "server.mod": "dual", "limits.min_rate": "fast" };
  const { status, json } = await it.ask("/api/v1/settings", { method: "PATCH", body });
  assert.equal(status, 422);
  assert.match(json.error, /did you mean server\.mode\?/);
  assert.deepEqual(json.faults.map(({ path }: { path: string }) => path), [
    "server.mod",
    "limits.min_rate",
  ]);
  const fixed = await it.ask("/api/v1/settings", { method: "PATCH", body: { "server.port": 1 } });
  assert.equal(fixed.json.faults[0].message, "cannot change while the server runs");
  const { json: { settings } } = await it.ask("/api/v1/settings");
  const row = settings.find(({ path }: { path: string }) => path === "stateful.max_sessions");
  assert.deepEqual([row.value, row.live], [50, true]);
});

Deno.test({
  name: "S-ADM-3 SIGHUP reads the file again; a faulty one changes nothing and says why",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using temp = await TempDir.make();
    const file = `${temp.path}/config.yaml`;
    await Deno.writeTextFile(file, "stateful: {max_sessions: 3}\n");
    await using it = await operated({ cwd: temp.path });
    const value = async () => {
      const { json: { settings } } = await it.ask("/api/v1/settings");
      return settings.find(({ path }: { path: string }) => path === "stateful.max_sessions").value;
    };
    assert.equal(await value(), 3);
    await Deno.writeTextFile(file, "stateful: {max_sessions: 4, sqlite_file: a.db}\n");
    it.server.signal("SIGHUP");
    const changed = await it.server.event("settings.changed");
    assert.deepEqual([changed.changed, changed.restart], [
      ["stateful.max_sessions"],
      ["stateful.sqlite_file"],
    ]);
    assert.equal(await value(), 4);
    await Deno.writeTextFile(file, "stateful: {max_sessions: 5, sesion_timeout: 1}\n");
    it.server.signal("SIGHUP");
    const { reason, level } = await it.server.event("settings.refused");
    assert.equal(level, "warn");
    assert.match(reason, /did you mean stateful\.session_timeout\?/);
    assert.equal(await value(), 4);
  },
});

Deno.test("S-ADM-2 nothing but the page and the probes is served without the token", async () => {
  await using it = await guarded();
  for (const path of ["/metrics", "/api/v1/sessions", "/api/v1/openapi.json", "/nothing"]) {
    assert.equal((await it.ask(path)).status, 401, path);
    assert.notEqual((await it.ask(path, { headers: bearer })).status, 401, path);
  }
  for (const authorization of [`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, "Basic eA=="]) {
    assert.equal((await it.ask("/metrics", { headers: { authorization } })).status, 401);
  }
  assert.equal((await it.ask("/healthz")).status, 200);
  assert.equal((await it.ask("/readyz")).status, 200);
  const log = it.server.output();
  assert.ok(!log.includes(TOKEN) && log.includes('"admin.refused"'));
});

Deno.test("S-ADM-2 a browser logs in for a cookie that no page of another site can use, and out again", async () => {
  await using it = await guarded();
  assert.equal((await it.ask("/api/v1/login")).json.needed, true);
  const wrong = await it.ask("/api/v1/login", { method: "POST", body: { token: "wrong" } });
  assert.equal(wrong.status, 401);
  const login = await it.ask("/api/v1/login", { method: "POST", body: { token: TOKEN } });
  assert.equal(login.status, 204);
  const set = login.headers.get("set-cookie")!;
  assert.match(set, /^fxfer_admin=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
  const cookie = set.split(";")[0]!;
  assert.equal((await it.ask("/api/v1/overview", { headers: { cookie } })).status, 200);
  const drain = (origin: string) =>
    it.ask("/api/v1/drain", { method: "POST", body: {}, headers: { cookie, origin } });
  assert.equal((await drain("http://evil.example")).status, 403);
  assert.equal((await drain("null")).status, 403);
  assert.equal(
    (await it.ask("/api/v1/login", { method: "DELETE", headers: { cookie } })).status,
    204,
  );
  assert.equal((await it.ask("/api/v1/overview", { headers: { cookie } })).status, 401);
  const made = { headers: { cookie: "fxfer_admin=" + "A".repeat(43) } };
  assert.equal((await it.ask("/api/v1/overview", made)).status, 401);
});

Deno.test("S-ADM-2 ten thousand wrong tokens are refused, few are logged, and the right one still works", async () => {
  await using it = await guarded();
  const wrong = { headers: { authorization: "Bearer wrong-wrong-wrong-wrong" } };
  const statuses = new Map<number, number>();
  for (let n = 0; n < 10_000; n += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => it.ask("/metrics", wrong)));
    for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  assert.deepEqual([...statuses.keys()].sort(), [401, 429]);
  assert.ok(statuses.get(401)! <= 20, `${statuses.get(401)} were compared`);
  assert.ok((await it.ask("/metrics", wrong)).headers.has("retry-after"));
  assert.equal((await it.ask("/metrics", { headers: bearer })).status, 200);
  const lines = it.server.output().split("\n").filter((line) => line.includes("admin.refused"));
  assert.ok(lines.length < 60, `${lines.length} lines`);
});

/** A case for a door that serves others, too. Its server writes all the while: the whole test is looked at. */
const step = (name: string, fn: () => Promise<void>): Deno.TestStepDefinition => ({
  ...{ name, fn },
  ...{ sanitizeOps: false, sanitizeResources: false },
});

Deno.test("S-ADM-2 the door looks at the name it is called by, and at the page that calls", async (t) => {
  await using it = await operated();
  for (
    const [what, headers, status] of [
      ["another name (DNS rebinding)", { host: "evil.example" }, 421],
      ["no name", { host: "" }, 421],
      ["a name that ends like one", { host: "localhost.evil.example" }, 421],
      ["localhost", { host: "localhost:1" }, 200],
      ["IPv6", { host: "[::1]:1" }, 200],
      ["a page of another site", { origin: "http://evil.example" }, 403],
      ["another port of this machine", { origin: "http://127.0.0.1:1" }, 403],
      ["a script that another site has started", { "sec-fetch-site": "cross-site" }, 403],
      ["a page of the same site", { "sec-fetch-site": "same-site" }, 403],
      ["its own page", { "sec-fetch-site": "same-origin" }, 200],
    ] as const
  ) {
    await t.step(step(`the door answers ${what} with ${status}`, async () => {
      const fields = { host: "127.0.0.1", ...headers };
      const text = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join("");
      assert.equal(await raw(it.door, `GET /api/v1/overview HTTP/1.1\r\n${text}\r\n`), status);
      const change = `PATCH /api/v1/settings HTTP/1.1\r\n${text}content-type: application/json\r\n`;
      assert.equal(await raw(it.door, `${change}content-length: 2\r\n\r\n{}`), status);
    }));
  }
});

/** The status of the answer to these bytes. */
async function raw(port: number, bytes: string): Promise<number> {
  using conn = await Deno.connect({ port });
  await conn.write(new TextEncoder().encode(bytes));
  const text = await new Response(conn.readable).text();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}

Deno.test("the door answers a faulty request, and the server goes on", async (t) => {
  await using it = await operated();
  for (
    const [what, request, status] of [
      [
        "a form",
        "POST /api/v1/drain HTTP/1.1\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}",
        415,
      ],
      [
        "no JSON",
        "POST /api/v1/drain HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n{",
        400,
      ],
      [
        "a list",
        "POST /api/v1/drain HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]",
        400,
      ],
      ["a large body", "PATCH /api/v1/settings HTTP/1.1\r\ncontent-length: 70000\r\n\r\n", 413],
      [
        "a body in chunks",
        "PATCH /api/v1/settings HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        411,
      ],
      [
        "two lengths",
        "PATCH /api/v1/settings HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        400,
      ],
      ["an unknown method", "PUT /api/v1/settings HTTP/1.1\r\n\r\n", 405],
      ["an unknown parameter", "GET /api/v1/sessions?stat=Active HTTP/1.1\r\n\r\n", 400],
      ["a limit out of its range", "GET /api/v1/sessions?limit=0 HTTP/1.1\r\n\r\n", 400],
      ["a path that is no text", "GET /api/v1/sessions/%ff HTTP/1.1\r\n\r\n", 400],
      ["a trick with dots", "GET /api/v1/sessions/..%2f..%2fetc HTTP/1.1\r\n\r\n", 404],
      ["no HTTP", "hello\r\n\r\n", 400],
    ] as const
  ) {
    await t.step(step(`the door answers ${what} with ${status}`, async () => {
      assert.equal(await raw(it.door, request.replace("\r\n", "\r\nhost: localhost\r\n")), status);
      assert.equal((await it.ask("/readyz")).status, 200);
    }));
  }
});

Deno.test("a body that never ends is given up after 10 s, and keeps nobody waiting", async () => {
  // Ten times sooner in this server: after 1 s.
  const main = import.meta.resolve("./hastened_main.ts");
  await using it = await operated({ main });
  using conn = await Deno.connect({ port: it.door });
  const head = "PATCH /api/v1/settings HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{";
  await conn.write(new TextEncoder().encode(head));
  const begun = performance.now();
  assert.equal((await it.ask("/api/v1/overview")).status, 200);
  assert.equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
  const took = performance.now() - begun;
  assert.ok(took > 800 && took < 5000, `${took} ms`);
});

Deno.test("/events tells what happens, with rule and sentence, and goes on by its number after a cut", async () => {
  await using it = await operated();
  const first = await listen(it.door, "/api/v1/events?types=session");
  using peer = await session(it.server);
  const created = await first.next("session.created");
  assert.equal(created.rule, "S-CON-1");
  assert.match(created.text, /^a new session for 127\.0\.0\.1/);
  await first.end();
  await peer.disconnect();
  const again = await listen(it.door, "/api/v1/events", { "last-event-id": String(created.id) });
  const closed = await again.next("session.closed");
  assert.ok(closed.id > created.id);
  assert.deepEqual([closed.from, closed.to, closed.session], [
    "Authenticated",
    "Disconnected",
    peer.id!.slice(0, 8),
  ]);
  await again.end();
});

Deno.test("a reader of /events who does not read is dropped, and holds nobody up", async () => {
  await using it = await operated();
  await it.ask("/api/v1/settings", { method: "PATCH", body: { "logging.level": "error" } });
  using slow = await Deno.connect({ port: it.door });
  await slow.write(
    new TextEncoder().encode("GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n"),
  );
  using peer = await RawPeer.open(it.server);
  for (let n = 0; n < 300; n++) {
    const small = frame({ payload: "x" });
    const frames = Array.from({ length: 100 }, () => small);
    await peer.send(...frames);
    for (let reply = 0; reply < 100; reply++) await peer.reply();
  }
  assert.equal((await it.ask("/readyz")).status, 200);
  // What the system had taken is still read, and then there is an end.
  let bytes = 0;
  for (const buffer = new Uint8Array(65_536);;) {
    const count = await slow.read(buffer).catch(() => null);
    if (count === null) break;
    bytes += count;
  }
  assert.ok(bytes > 0);
});

interface Heard {
  next(type: string): Promise<Json>;
  end(): Promise<void>;
}

/** Listens to server-sent events. */
async function listen(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<Heard> {
  const abort = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers,
    signal: abort.signal,
  });
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value!;
  return {
    async next(type) {
      for (;;) {
        const end = text.indexOf("\n\n");
        if (end < 0) {
          const { value, done } = await reader.read();
          assert.ok(!done, `the stream goes on until ${type}`);
          text += value;
          continue;
        }
        const event = text.slice(0, end);
        text = text.slice(end + 2);
        const [, name] = /^event: (.*)$/m.exec(event) ?? [];
        if (name === type) return JSON.parse(/^data: (.*)$/m.exec(event)![1]!);
      }
    },
    async end() {
      abort.abort();
      await reader.cancel().catch(() => {});
    },
  };
}

Deno.test("/drain stops the server gracefully: an upload under way gets its time", async () => {
  await using it = await operated();
  using peer = await RawPeer.open(it.server);
  await peer.send(frame({ payload: new Uint8Array(10), size: 20 }));
  await until(async () => (await it.ask("/api/v1/overview")).json.totals.connections === 1, "open");
  assert.equal((await it.ask("/api/v1/drain", { method: "POST", body: {} })).status, 202);
  assert.equal((await it.ask("/readyz")).status, 503);
  await peer.send(new Uint8Array(10));
  assert.equal((await peer.reply()).data.code, "ok");
  it.server.signal("SIGTERM"); // it stops already
  assert.equal((await it.server.status()).code, 0);
});

Deno.test("health_port and the door may be one port", async () => {
  await using temp = await TempDir.make();
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const set = { "admin.port": port, "server.health_port": port };
  await using it = await operated({ cwd: temp.path, set });
  assert.equal((await ask(port, "/readyz")).status, 200);
  assert.equal((await it.ask("/metrics")).status, 200);
});

for (
  const [what, args, words] of [
    ["off loopback without a token", ["--set", "admin.host=0.0.0.0"], /needs admin\.token_file/],
    ["with a token it may not read", ["--set", "admin.token_file=t"], /--allow-read=t/],
  ] as const
) {
  Deno.test(`a door ${what} is not opened`, async () => {
    await using temp = await TempDir.make();
    const flags = FLAGS_W;
    const ran = await fxfer(["serve", "--port=0", "--set=admin.port=0", ...args], {
      cwd: temp.path,
      flags,
    });
    assert.notEqual(ran.code, 0);
    assert.match(ran.err, words);
  });
}

Deno.test("a token of a few letters is refused, and one comes by standard input", async () => {
  await using temp = await TempDir.make();
  const stdin = (text: string) => ({ stdin: new TextEncoder().encode(text), cwd: temp.path });
  const args = ["serve", "--port=0", "--set=admin.port=0", "--set=admin.token_file=-"];
  const ran = await fxfer(args, { ...stdin("short\n"), flags: FLAGS_W });
  assert.equal(ran.code, 1);
  assert.match(ran.err, /16 or more characters/);
});

Deno.test("files are listed, saved byte for byte, and removed; no trick in a path leads outside", async () => {
  await using it = await operated();
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  using peer = await RawPeer.open(it.server);
  const { path } = (await peer.stateless(bytes, { name: "naïve name's (1).bin" })).data.file;
  const { json: { files } } = await it.ask("/api/v1/files?prefix=na");
  assert.deepEqual([files.length, files[0].path, files[0].size], [1, path, bytes.length]);
  const url = `http://127.0.0.1:${it.door}/api/v1/files/${path}`;
  const response = await fetch(url);
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), bytes);
  assert.equal(response.headers.get("content-type"), "application/octet-stream");
  assert.equal(
    response.headers.get("content-disposition"),
    "attachment; filename*=UTF-8''na%C3%AFve%20name%27s%20%281%29.bin",
  );
  await Deno.writeTextFile(`${it.server.cwd}/secret.txt`, "outside");
  for (
    const trick of [
      "..%2fsecret.txt",
      "%2e%2e/secret.txt",
      "%2fetc%2fpasswd",
      "commits.jsonl",
      "a%00b",
    ]
  ) {
    for (const method of ["GET", "DELETE"]) {
      const request = `${method} /api/v1/files/${trick} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
      assert.equal(await raw(it.door, request), 404, `${method} ${trick}`);
    }
  }
  assert.equal((await it.ask(`/api/v1/files/${path}`, { method: "DELETE" })).status, 200);
  await assert.rejects(Deno.stat(`${it.server.storage}/${path}`));
  assert.equal((await it.ask(`/api/v1/files/${path}`)).status, 404);
  assert.equal(await Deno.readTextFile(`${it.server.cwd}/secret.txt`), "outside");
});

Deno.test("in the sandbox, where the server may not read its files, the door says so", async () => {
  await using it = await operated({ flags: FLAGS_W });
  using peer = await RawPeer.open(it.server);
  await peer.stateless("bytes");
  const { status, json } = await it.ask("/api/v1/files/received_x.bin");
  assert.deepEqual([status, json.error], [404, "this server may not read its files"]);
});

Deno.test("S-FEA-1 a feature that is switched off is refused and not offered, and on again", async () => {
  await using it = await operated({ set: { "security.anonymous": "put,get,list,remove" } });
  const features = async () => {
    using peer = await RawPeer.open(it.server);
    const list = await peer.request({ action: "list", header: { version: "2.1" } });
    const { data } = await peer.request({ action: "connect", header: { version: "2.1" } });
    return [list.data.code, data.features.includes("list")];
  };
  assert.deepEqual(await features(), ["ok", true]);
  await it.ask("/api/v1/settings", { method: "PATCH", body: { "features.list": "off" } });
  assert.deepEqual(await features(), ["unsupported_feature", false]);
  await it.ask("/api/v1/settings", { method: "PATCH", body: { "features.list": "on" } });
  assert.deepEqual(await features(), ["ok", true]);
});

Deno.test("the door speaks TLS with the server's certificate, and its cookie is for TLS alone", async () => {
  await using temp = await TempDir.make();
  const authority = await issue("authority", undefined, { isAuthority: true });
  const { certificate, key } = await issue("door", authority, { names: ["localhost"] });
  await Deno.writeTextFile(`${temp.path}/cert.pem`, certificate);
  await Deno.writeTextFile(`${temp.path}/key.pem`, key, { mode: 0o600 });
  await Deno.writeTextFile(`${temp.path}/token`, TOKEN);
  const set = {
    "server.tls.certificate": `${temp.path}/cert.pem`,
    "server.tls.key": `${temp.path}/key.pem`,
    "server.tls.port": 0,
    "admin.tls": "on",
    "admin.token_file": `${temp.path}/token`,
  };
  await using it = await operated({ flags: ["-A"], set });
  using client = Deno.createHttpClient({ caCerts: [authority.certificate] });
  const url = `https://localhost:${it.door}`;
  const login = await fetch(`${url}/api/v1/login`, {
    client,
    method: "POST",
    headers: { "content-type": "application/json", origin: url },
    body: JSON.stringify({ token: TOKEN }),
  });
  assert.equal(login.status, 204);
  assert.match(login.headers.get("set-cookie")!, /; Secure$/);
  const metrics = await fetch(`${url}/metrics`, { client, headers: bearer });
  assert.match(await metrics.text(), /^fxfer_certificate_not_after_timestamp_seconds \d/m);
  await assert.rejects(fetch(`${url}/healthz`), "a certificate that nobody vouches for");
  // Whoever speaks no TLS harms nobody.
  using plain = await Deno.connect({ port: it.door });
  await plain.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await plain.read(new Uint8Array(100)).catch(() => null);
  const again = await fetch(`${url}/readyz`, { client });
  assert.equal((await again.json()).status, "ready");
});

Deno.test("a door with TLS and no certificate is not opened", async () => {
  await using temp = await TempDir.make();
  const args = ["serve", "--port=0", "--set=admin.port=0", "--set=admin.tls=on"];
  const ran = await fxfer(args, { cwd: temp.path });
  assert.equal(ran.code, 1);
  assert.match(ran.err, /the server has no certificate \(server\.tls\.certificate\)/);
});
