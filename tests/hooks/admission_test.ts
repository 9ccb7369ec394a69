import assert from "node:assert/strict";
import { Webhook } from "npm:standardwebhooks@1.0.0";
import { Admission, parseSecret } from "../../src/hooks/mod.ts";
import { createLogger, type LogEvent } from "../../src/log.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { listStored } from "../helpers/files.ts";
import { Program } from "../helpers/program.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

interface Offer {
  readonly name: string | null;
  readonly size: number;
  readonly user: string | null;
  readonly address: string;
}

/** A receiver that verifies what it is asked, and answers as `answer` says. */
function receiver(answer: (offer: Offer) => number | Promise<number>) {
  const webhook = new Webhook(SECRET);
  const asked: Offer[] = [];
  const abort = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: abort.signal, onListen: () => {} },
    async (request) => {
      const text = await request.text();
      const headers = Object.fromEntries(request.headers);
      const { type, data } = webhook.verify(text, headers) as { type: string; data: Offer };
      assert.equal(type, "file.offered");
      asked.push(data);
      return new Response(null, { status: await answer(data) });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    asked,
    async [Symbol.asyncDispose]() {
      abort.abort();
      await server.finished;
    },
  };
}

const text = new TextEncoder();

/** What becomes of a file by each way to store it, where the receiver is at `url`. */
async function outcomes(url: string, otherwise: "accept" | "refuse", lines: LogEvent[] = []) {
  await using temp = await TempDir.make();
  await using storage = await DiskStorage.open(temp.path);
  const log = createLogger((line) => lines.push(line));
  using admission = new Admission({
    ...{ url, otherwise, log, patienceMs: 100, secret: parseSecret(SECRET)! },
  });
  admission.guard(storage);
  const spec = { mimeType: "text/plain", reserve: 1, name: "a.txt" };
  const ways = [
    async () => void await storage.put(spec, text.encode("a")),
    async () => await (await storage.begin(spec)).discard(),
  ];
  const seen: string[] = [];
  for (const way of ways) {
    seen.push(await way().then(() => "stored", ({ code, limit }) => `${code} by ${limit}`));
  }
  return seen;
}

const REFUSED = "forbidden by hooks.accept";

Deno.test("S-HOO-3 a receiver admits by 2xx and refuses by 403, whatever the default is", async () => {
  for (const [status, outcome] of [[204, "stored"], [403, REFUSED]] as const) {
    for (const otherwise of ["accept", "refuse"] as const) {
      await using to = receiver(() => status);
      assert.deepEqual(await outcomes(to.url, otherwise), [outcome, outcome]);
      assert.deepEqual(to.asked.map(({ name, size }) => [name, size]), [["a.txt", 1], [
        "a.txt",
        1,
      ]]);
    }
  }
});

Deno.test("S-HOO-3 the default holds where a receiver is slow, broken or dead, which is warned of once", async () => {
  const released = Promise.withResolvers<number>();
  await using slow = receiver(() => released.promise);
  await using broken = receiver(() => 500);
  await using elsewhere = receiver(() => 404);
  const dead = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  dead.close();
  const urls = [slow.url, broken.url, elsewhere.url, `http://127.0.0.1:${dead.addr.port}/`];
  for (const url of urls) {
    for (const [otherwise, outcome] of [["accept", "stored"], ["refuse", REFUSED]] as const) {
      const lines: LogEvent[] = [];
      assert.deepEqual(await outcomes(url, otherwise, lines), [outcome, outcome]);
      const warned = lines.map(({ event, fields }) => [event, fields.answer]);
      assert.deepEqual(warned, [["hook.not_asked", otherwise]]);
    }
  }
  released.resolve(200);
});

for (const workers of [1, 2]) {
  Deno.test(`S-HOO-3 only the client whose file is asked about waits, with ${workers} workers`, async () => {
    const released = Promise.withResolvers<void>();
    await using to = receiver(async ({ name }) => {
      if (name === "slow.txt") await released.promise;
      return name === "bad.txt" ? 403 : 200;
    });
    await using temp = await TempDir.make();
    await Deno.writeTextFile(`${temp.path}/secret`, SECRET);
    await using server = await Program.serve({
      ...{ cwd: temp.path, flags: ["-A"] },
      set: {
        "hooks.accept": to.url,
        "hooks.secret_file": `${temp.path}/secret`,
        "server.workers": workers,
        "stateful.persistence": "sqlite",
      },
    });
    using waiting = await RawPeer.open(server);
    const slow = waiting.stateless("slow", { name: "slow.txt" });
    await until(() => to.asked.length === 1, "the receiver is asked");

    for (let n = 0; n < 4; n++) {
      using other = await RawPeer.open(server);
      const { data: refused } = await other.stateless("bad", { name: "bad.txt" });
      assert.equal(refused.code, "forbidden");
      assert.equal((await other.stateless("good", { name: "good.txt" })).data.code, "ok");
    }
    // In a session a refused file uses no number up, and the next file gets it.
    using peer = await RawPeer.open(server);
    await peer.connect();
    assert.equal((await peer.upload("bad", { name: "bad.txt" })).data.code, "forbidden");
    const frame = peer.transfer("good", { name: "good.txt" }, { sequence: 1 });
    for (const what of ["the next file", "its repetition"]) {
      const count = to.asked.length;
      await peer.send(frame);
      assert.equal((await peer.reply()).data.code, "ok", what);
      assert.equal(to.asked.length - count, what === "the next file" ? 1 : 0, what);
    }

    released.resolve();
    assert.equal((await slow).data.code, "ok");
    assert.equal((await listStored(`${temp.path}/storage`)).length, 6);
    assert.ok(to.asked.every(({ address }) => address === "127.0.0.1"));
    const line = await server.event("request.refused");
    assert.match(JSON.stringify(line), /the receiver of hooks\.accept refuses it/);
  });
}
