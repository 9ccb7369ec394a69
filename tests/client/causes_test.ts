import assert from "node:assert/strict";
import { connect, type LostReason } from "../../src/client/mod.ts";
import { cannotConnect } from "../../src/client/client_errors.ts";
import { dial, firstOf } from "../../src/client/dial.ts";
import type { FxferError } from "../../src/errors.ts";
import { pure } from "../helpers/pure.ts";
import { quick, watched } from "./helpers.ts";
import { code, ScriptedPeer } from "./scripted_peer.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Connects in vain; the error, which must name the server. */
async function refusedBy(port: number, options = {}): Promise<FxferError> {
  const connecting = connect(quick(port, { retries: 0, ...options }));
  const error = await connecting.then(() => undefined, (error: FxferError) => error);
  assert.match(error!.message, new RegExp(`^Cannot connect to 127\\.0\\.0\\.1:${port}: `));
  assert.equal(error!.fields.server, `127.0.0.1:${port}`);
  return error!;
}

Deno.test("where nothing listens, the question is whether the server is running", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const error = await refusedBy(port);
  assert.deepEqual([error.code, error.fields.reason], ["connection_lost", "refused"]);
  assert.match(error.message, /refused \(is the server running, and is this its port\?\)/);
});

Deno.test("a name that no host has is final at once", async () => {
  const events: string[] = [];
  const connecting = connect(quick(7, {
    hostname: "no-such-host.invalid",
    retries: 2,
    onEvent: ({ type }) => events.push(type),
  }));
  const error = await connecting.then(() => undefined, (error: FxferError) => error);
  assert.equal(error?.code, "connection_lost");
  assert.match(error.message, /^Cannot connect to no-such-host\.invalid:7: /);
  // Without any name server to ask, the name may be right, and is tried again.
  if (error.fields.reason === "not_found") assert.deepEqual(events, []);
  else assert.equal(error.fields.reason, "unreachable");
});

pure("cannotConnect() has a reason and advice for what systems say", () => {
  const server = { hostname: "::1", port: 7 };
  const cases: readonly (readonly [string | undefined, LostReason, RegExp])[] = [
    ["ECONNREFUSED", "refused", /is the server running/],
    ["ENOTFOUND", "not_found", /spelled right/],
    ["EAI_AGAIN", "unreachable", /online/],
    ["ENETUNREACH", "unreachable", /online/],
    ["EHOSTUNREACH", "unreachable", /address right/],
    ["ETIMEDOUT", "no_answer", /firewall/],
    [undefined, "unreachable", /something else/],
  ];
  for (const [code, reason, advice] of cases) {
    const cause = Object.assign(new Error("something else"), { code });
    const error = cannotConnect(server, cause);
    assert.deepEqual([error.code, error.fields.reason], ["connection_lost", reason]);
    assert.match(error.message, /^Cannot connect to \[::1\]:7: /);
    assert.match(error.message, advice);
    assert.equal(error.cause, cause);
  }
  const denied = cannotConnect(server, new Deno.errors.NotCapable("no"));
  assert.equal(denied.code, "local_io");
  assert.match(denied.message, /--allow-net=\[::1\]:7/);
});

const GREETINGS: readonly (readonly [string, string, Uint8Array])[] = [
  ["SSH", "an SSH server", utf8("SSH-2.0-OpenSSH_9.6\r\n")],
  ["HTTP", "a web server", utf8("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")],
  ["HTML", "a web server", utf8("<html><head><title>400 Bad Request</title>\r\n")],
  ["TLS", "a server that wants TLS", new Uint8Array([0x15, 3, 1, 0, 2, 2, 70])],
  ["SMTP", "a mail or FTP server", utf8("220 mail.example ESMTP\r\n")],
  ["Redis", "a Redis server", utf8("-ERR unknown command '{\"version\"'\r\n")],
];

for (const [name, looks, greeting] of GREETINGS) {
  for (const allowV1 of [false, true]) {
    Deno.test(`${name} is told from fxfer${allowV1 ? ", and is no version 1 either" : ""}`, async () => {
      await using peer = new ScriptedPeer(async (peer) => {
        await peer.send(greeting);
        await peer.finish();
      });
      const error = await refusedBy(peer.port, { retries: 5, allowV1 });
      assert.deepEqual([error.code, error.fields.reason], [
        "unsupported_version",
        "other_protocol",
      ]);
      assert.ok(error.message.includes(`this looks like ${looks}`), error.message);
      assert.ok(error.message.endsWith("(is the port right?)"));
      assert.equal(peer.connections, 1);
    });
  }
}

Deno.test("a server that closes without a word is told from a silent one", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.request();
  });
  const error = await refusedBy(peer.port);
  assert.deepEqual([error.code, error.fields.reason], ["connection_lost", "no_answer"]);
  assert.match(error.message, /closed the connection without an answer/);
});

Deno.test("a connection that is lost, and one that freezes, name the server and the cause", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ keepalive_s: 0.1 });
    await peer.rest();
  }, async (peer) => {
    await peer.resumed(1);
    await peer.finish();
  }, async (peer) => {
    await peer.resumed(1);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  await it.events.wait((event) =>
    event.type === "connected" &&
    it.events.all.filter(({ type }) => type === "connected").length === 3
  );
  const lost = it.events.all.flatMap((event) =>
    event.type === "connection_lost" ? [event.error] : []
  );
  assert.deepEqual(lost.map(({ fields }) => fields), [
    { reason: "frozen", server: `127.0.0.1:${peer.port}` },
    { reason: "lost", server: `127.0.0.1:${peer.port}` },
  ]);
  for (const { message } of lost) assert.ok(message.includes(`127.0.0.1:${peer.port}`));
  const retrying = it.events.all.flatMap((event) => event.type === "retrying" ? [event.error] : []);
  assert.deepEqual(retrying, lost);
});

Deno.test("what can be no host is refused at once, whatever it was meant to be", async () => {
  const none = [
    "",
    "127.0.0.1:5000",
    "a b",
    "http://a",
    "a/b",
    "user@a",
    "999.1.1.1",
    "a..b",
    "5000",
  ];
  for (const hostname of [...none, ".a", "[a]", "a\n", "[::1]:5000", `${"a".repeat(64)}.de`]) {
    await assert.rejects(connect({ hostname, retries: 0 }), RangeError, hostname);
  }
});

Deno.test("an address may stand in brackets", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.idle();
  });
  await using it = await watched(peer.port, { hostname: "[127.0.0.1]" });
  assert.deepEqual(it.client.address, { hostname: "127.0.0.1", port: peer.port });
});

Deno.test("all addresses of a host are tried, one after the other", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const { signal } = new AbortController();
  using conn = await firstOf(["::1", "127.0.0.2", "127.0.0.1"], port, signal);
  assert.equal((conn.remoteAddr as Deno.NetAddr).hostname, "127.0.0.1");
  (await listener.accept()).close();
  const none = firstOf(["127.0.0.2", "127.0.0.3"], port, signal);
  await assert.rejects(none, Deno.errors.ConnectionRefused);
});

Deno.test("an address that does not answer holds up the next one for a moment only", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  // A listener whose queue is full lets further connections wait.
  using _full = Deno.listen({ hostname: "127.0.0.2", port, tcpBacklog: 1 });
  const { signal } = new AbortController();
  const waiting: Deno.TcpConn[] = [];
  for (let stuck = false; !stuck;) {
    const limit = AbortSignal.timeout(200);
    const conn = await Deno.connect({ hostname: "127.0.0.2", port, signal: limit }).catch(() => {});
    if (conn === undefined) stuck = true;
    else waiting.push(conn);
  }
  const began = performance.now();
  using conn = await firstOf(["127.0.0.2", "127.0.0.1"], port, signal);
  assert.equal((conn.remoteAddr as Deno.NetAddr).hostname, "127.0.0.1");
  assert.ok(performance.now() - began < 1000);
  (await listener.accept()).close();

  const abort = new AbortController();
  const dialling = dial({ hostname: "127.0.0.2", port }, abort.signal);
  const aborted = performance.now();
  abort.abort();
  await assert.rejects(dialling, code("connection_lost"));
  assert.ok(performance.now() - aborted < 300);
  for (const conn of waiting) conn.close();
});
