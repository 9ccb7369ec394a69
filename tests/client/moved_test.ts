import assert from "node:assert/strict";
import { type ClientEvent, connect } from "../../src/client/mod.ts";
import { EventLog } from "../helpers/event_log.ts";
import { quick, watched } from "./helpers.ts";
import { code, type PeerConnection, ScriptedPeer, SESSION_ID } from "./scripted_peer.ts";

const at = ({ port }: { port: number }) => `127.0.0.1:${port}`;
const bytes = new TextEncoder().encode("hello");

/** Takes a connect and sends the session to another server; keeps what was shown. */
async function sendOn(
  peer: PeerConnection,
  address: string,
  ticket?: string,
  shown: unknown[] = [],
): Promise<void> {
  const connect = await peer.request();
  assert.ok(connect.frame.action === "connect");
  shown.push(connect.frame.data.token);
  await peer.reply(connect, {
    code: "use_another_server",
    address,
    ...(ticket === undefined ? {} : { ticket }),
  });
  await peer.rest();
}

/** A server that has the session; what a connect showed comes first. */
function target(shown: unknown[]) {
  return new ScriptedPeer(async (peer) => {
    const { frame } = await peer.resumed(1);
    assert.ok(frame.action === "connect");
    shown.push(frame.header.session.id, frame.data.token);
    await peer.stored(await peer.transfer());
    await peer.idle();
  });
}

Deno.test("a client follows a notice to a trusted server, and shows the ticket there, never the token", async () => {
  const shown: unknown[] = [];
  await using there = target(shown);
  await using here = new ScriptedPeer(
    async (peer) => {
      await peer.session({ token: "token-of-here" });
      await peer.transfer();
      await peer.notice({ code: "use_another_server", address: at(there) });
      await peer.finish();
    },
    (peer) => sendOn(peer, at(there), "ticket", shown),
  );
  await using it = await watched(here.port, { trustedServers: [at(there)] });
  const { file } = await it.client.send(bytes);
  assert.equal(file?.size, 5);
  assert.deepEqual(shown, ["token-of-here", SESSION_ID, "ticket"]);
  assert.equal(it.client.token, "ticket");
  assert.deepEqual(it.client.address, { hostname: "127.0.0.1", port: there.port });
  const moved = it.events.all.filter(({ type }) => type === "moved");
  assert.deepEqual(moved, [{ type: "moved", address: at(there) }]);
});

Deno.test("not one byte of the token reaches another server, whatever it does with connections", async () => {
  const token = "the-token-of-the-first-server";
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let heard = "";
  const tries = 4;
  // Takes what it is sent, answers with nothing, noise, a redirect back: nothing makes a client talk.
  const answers = ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "OK\n", "{}\n"];
  const recording = (async () => {
    for (let n = 0; n < tries; n++) {
      using conn = await listener.accept();
      const buffer = new Uint8Array(4096);
      heard += new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
      await conn.write(new TextEncoder().encode(answers[n]));
    }
  })();
  const there = `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  await using here = new ScriptedPeer((peer) => sendOn(peer, there, "a-ticket"));
  const options = quick(here.port, {
    sessionId: SESSION_ID,
    token,
    trustedServers: [there],
    retries: tries - 1,
  });
  await assert.rejects(connect(options), (error: Error) => !error.message.includes(token));
  await recording;
  assert.equal(heard.split(`"token":"a-ticket"`).length - 1, tries);
  assert.ok(!heard.includes(token), heard);
  assert.equal(here.connections, 1);
});

Deno.test("a reply use_another_server to a frame makes the client ask where the session is", async () => {
  await using there = target([]);
  await using here = new ScriptedPeer(
    async (peer) => {
      await peer.session();
      await peer.reply(await peer.transfer(), { code: "use_another_server", address: at(there) });
      await peer.finish();
    },
    (peer) => sendOn(peer, at(there), "ticket"),
  );
  await using it = await watched(here.port, { trustedServers: [at(there)] });
  assert.equal((await it.client.send(bytes)).confirmed, true);
});

Deno.test("a client that trusts nobody is told where the session is, and connects nowhere", async () => {
  await using there = new ScriptedPeer();
  await using here = new ScriptedPeer((peer) => sendOn(peer, at(there), "ticket"));
  const options = quick(here.port, { sessionId: SESSION_ID, token: "token" });
  await assert.rejects(connect(options), (error: Error) => {
    assert.ok(error.message.includes(`${at(there)} is not among the trusted servers`));
    return code("use_another_server")(error);
  });
  assert.equal(there.connections, 0);
});

Deno.test("two servers that send a client to each other get it three times, and no more", async () => {
  const shown: unknown[] = [];
  const ports: number[] = [];
  const other = (index: number) => (peer: PeerConnection) =>
    sendOn(peer, `127.0.0.1:${ports[index]}`, `ticket-${index}`, shown);
  await using a = new ScriptedPeer(other(1), other(1));
  await using b = new ScriptedPeer(other(0), other(0));
  ports.push(a.port, b.port);
  const options = quick(a.port, {
    sessionId: SESSION_ID,
    token: "token",
    trustedServers: [at(a), at(b)],
  });
  await assert.rejects(connect(options), code("use_another_server"));
  assert.deepEqual([a.connections, b.connections], [2, 2], "the first, and three hops");
  assert.deepEqual(shown, ["token", "ticket-1", "ticket-0", "ticket-1"]);
});

Deno.test("a session that has not arrived yet is asked for again, and is not given up for a new one", async () => {
  const unknown = async (peer: PeerConnection) => {
    await peer.reply(await peer.request(), { code: "session_unknown" });
    await peer.rest();
  };
  await using there = new ScriptedPeer(unknown, unknown, async (peer) => {
    await peer.resumed(5);
    await peer.idle();
  });
  await using here = new ScriptedPeer((peer) => sendOn(peer, at(there), "t"));
  const events = new EventLog<ClientEvent>();
  await using client = await connect(quick(here.port, {
    sessionId: SESSION_ID,
    token: "token",
    trustedServers: [at(there)],
    onEvent: (event) => events.push(event),
  }));
  assert.equal(client.sessionId, SESSION_ID);
  assert.equal(there.connections, 3);
  assert.ok(!events.all.some(({ type }) => type === "session_lost"));
});

Deno.test("a session that ends elsewhere is followed by a new one where the program said", async () => {
  await using there = new ScriptedPeer(
    async (peer) => {
      await peer.resumed(2);
      await peer.transfer();
    },
    async (peer) => {
      await peer.reply(await peer.request(), { code: "session_unknown" });
      await peer.rest();
    },
  );
  await using here = new ScriptedPeer(
    (peer) => sendOn(peer, at(there), "ticket"),
    async (peer) => {
      const { frame } = await peer.session({ token: "fresh" });
      assert.ok(frame.action === "connect");
      assert.deepEqual([frame.header.session.id, frame.data.token], [null, undefined]);
      await peer.stored(await peer.transfer());
      await peer.idle();
    },
  );
  await using it = await watched(here.port, {
    sessionId: SESSION_ID,
    token: "token",
    trustedServers: [at(there)],
  });
  assert.equal((await it.client.send(bytes)).confirmed, true);
  assert.equal(it.client.token, "fresh");
  assert.equal(it.client.address.port, here.port);
});
