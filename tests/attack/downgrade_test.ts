/** Somebody on the way who takes protection out of what both ends say (S-KEY-4). @module */
import assert from "node:assert/strict";
import { connect } from "../../src/client/mod.ts";
import { hasten } from "../helpers/hastened.ts";
import type { Json } from "../helpers/raw_frame.ts";
import { line, withUsers } from "../helpers/users.ts";
import { Wiretap } from "../helpers/wiretap.ts";

type Change = (text: string) => string;

/** A change of a frame's header, with its session data as it is. */
const inHeader = (change: (header: Json) => void): Change => (text) => {
  const [head, ...rest] = text.split("\n");
  const header = JSON.parse(head!);
  change(header);
  return [JSON.stringify(header), ...rest].join("\n");
};

/** A change of a reply's session data, whose length the header then says. */
const inData = (change: (data: Json) => void): Change => (text) => {
  const [head, body] = text.split("\n");
  const [header, data] = [JSON.parse(head!), JSON.parse(body!)];
  change(data);
  const json = `${JSON.stringify(data)}\n`;
  header.session.data_size = new TextEncoder().encode(json).length;
  return `${JSON.stringify(header)}\n${json}`;
};

const remove = (...names: string[]) => (from: Record<string, unknown>) => {
  for (const name of names) delete from[name];
};

const ATTACKS: Readonly<Record<string, { toServer?: Change; toClient?: Change }>> = {
  "takes auth out of the connect": {
    toServer: inHeader(({ session }) => remove("auth")(session)),
  },
  "takes auth out, and gives itself out for the server": {
    toServer: inHeader(({ session }) => remove("auth")(session)),
    toClient: inHeader(({ session }) => Object.assign(session, { mac: "A".repeat(43) })),
  },
  "puts another user into the connect": {
    toServer: inHeader(({ session }) => Object.assign(session["auth"], { key: "mallory" })),
  },
  "says that the client speaks 2.0": {
    toServer: inHeader((header) => Object.assign(header, { version: "2.0" })),
  },
  "says that the client speaks version 1": {
    toServer: () => '{"mime_type":"text/plain","size":5}\nhello',
  },
  "says that the server speaks 2.0": {
    toClient: inHeader((header) => Object.assign(header, { version: "2.0" })),
  },
  "takes the codes out of the terms": { toClient: inData(remove("mac", "challenge")) },
  "takes the features out of the terms": { toClient: inData(remove("features")) },
  "puts rights into the terms": {
    toClient: inData((data) => Object.assign(data, { may: ["get"] })),
  },
  "puts another challenge into the terms": {
    toClient: inData((data) => Object.assign(data, { challenge: "A".repeat(43) })),
  },
  "takes the code off the reply": { toClient: inHeader(({ session }) => remove("mac")(session)) },
  "puts a field of its own into the terms": {
    toClient: inData((data) => Object.assign(data, { trust: "me" })),
  },
};

for (const [name, { toServer, toClient }] of Object.entries(ATTACKS)) {
  for (const mode of ["stateful", "stateless"] as const) {
    Deno.test(`S-KEY-4 nothing is sent when somebody ${name} (${mode})`, async () => {
      // A reply that is none to the client is waited for.
      using _sooner = hasten(10_000, 1000);
      // Even where those without a key may send: the client that has one does not go on without.
      await using users = await withUsers([line("alice"), line("mallory")], {
        anonymous: ["put", "get", "list"],
      });
      await using tap = new Wiretap(users.server.port);
      const edit = (change: Change | undefined) => (bytes: Uint8Array, at: number) =>
        at > 0 || change === undefined
          ? bytes
          : new TextEncoder().encode(change(new TextDecoder().decode(bytes)));
      tap.toServer = edit(toServer);
      tap.toClient = edit(toClient);
      const options = { mode, wantMac: true, port: tap.port };
      const sent = connect(users.options("alice", options)).then(async (client) => {
        await using open = client;
        return await open.send(new Uint8Array(10));
      });
      const error = await sent.then(() => assert.fail("sent"), (error) => error);
      assert.match(error.code, /unauthorized|connection_lost|unsupported_version|malformed_header/);
      if (name !== "says that the client speaks version 1") await users.server.assertStored();
      const frames = new TextDecoder().decode(tap.stream()).match(/"action":"transfer"/g);
      assert.equal(frames, null, "the client sent no file");
    });
  }
}

Deno.test("S-KEY-4 a change that changes nothing is let through", async () => {
  await using users = await withUsers([line("alice")]);
  await using tap = new Wiretap(users.server.port);
  await using client = await connect(users.options("alice", { wantMac: true, port: tap.port }));
  assert.ok((await client.send(new Uint8Array(10))).confirmed);
});

Deno.test("S-VER-4 where codes are required, version 1 stores nothing", async () => {
  await using users = await withUsers([line("alice")], {
    security: { mac: "required" },
    anonymous: ["put"],
  });
  using peer = await users.server.open();
  await peer.send('{"mime_type":"text/plain","size":5}\nhello');
  await peer.halfClose();
  assert.match(await peer.rest(), /^ERROR not authorised/);
  await users.server.assertStored();
});
