import assert from "node:assert/strict";
import { Webhook } from "npm:standardwebhooks@1.0.0";
import { Events } from "../../src/events.ts";
import { Hooks, parseSecret, signatureOf } from "../../src/hooks/mod.ts";
import { createLogger, type LogEvent } from "../../src/log.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { Program } from "../helpers/program.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/** A receiver that verifies what it is sent, and answers as `answer` says. */
function receiver(answer: (tries: number) => number = () => 200) {
  const webhook = new Webhook(SECRET);
  const heard: { id: string; path: string; name: string }[] = [];
  let tries = 0;
  const abort = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: abort.signal, onListen: () => {} },
    async (request) => {
      const text = await request.text();
      const headers = Object.fromEntries(request.headers);
      const { type, data } = webhook.verify(text, headers) as {
        type: string;
        data: { path: string; name: string };
      };
      assert.equal(type, "file.stored");
      const status = answer(++tries);
      if (status === 200) heard.push({ id: headers["webhook-id"]!, ...data });
      return new Response(null, { status });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/hook?key=value`,
    heard,
    tries: () => tries,
    async [Symbol.asyncDispose]() {
      abort.abort();
      await server.finished;
    },
  };
}

/** A storage with hooks. */
async function start(url: string, options: { giveUpAfterMs?: number } = {}) {
  const temp = await TempDir.make();
  const storage = await DiskStorage.open(`${temp.path}/storage`);
  const lines: LogEvent[] = [];
  const events = new Events();
  const parts = {
    ...{ url, events, path: `${temp.path}/hooks.json`, retryMs: 20, giveUpAfterMs: 60_000 },
    secret: parseSecret(SECRET)!,
    catalogue: storage.catalogue!,
    log: createLogger((line) => lines.push(line), "debug"),
    ...options,
  };
  const store = async (name: string) => {
    const bytes = new TextEncoder().encode(name);
    const file = await storage.put({ mimeType: "text/plain", reserve: bytes.length, name }, bytes);
    events.emit({ type: "transfer.stored", bytes: bytes.length });
    return file;
  };
  return {
    ...{ storage, store, lines, temp, parts },
    open: () => Hooks.open(parts),
    async [Symbol.asyncDispose]() {
      await storage[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

Deno.test("S-HOO-1 each file is told once, signed as Standard Webhooks, and none from before", async () => {
  await using to = receiver();
  await using it = await start(to.url);
  await it.store("before");
  await new Promise((resolve) => setTimeout(resolve, 5));
  {
    await using hooks = await it.open();
    for (let n = 0; n < 50; n++) await it.store(`file ${n}`);
    await until(() => hooks.stats.waiting === 0 && to.heard.length === 50, "all are told");
    assert.equal(hooks.stats.delivered, 50);
  }
  assert.deepEqual(
    to.heard.map(({ name }) => name).sort(),
    Array.from({ length: 50 }, (_, n) => `file ${n}`).sort(),
  );
  // What was stored while nobody told is told by the next process, and nothing twice.
  await it.store("between");
  await using _again = await it.open();
  await until(() => to.heard.length > 50, "the next process tells");
  assert.deepEqual(to.heard.slice(50).map(({ name }) => name), ["between"]);
});

Deno.test("S-HOO-2 a receiver that fails is asked again with the same id, and then it is told", async () => {
  await using to = receiver((tries) => tries < 4 ? 503 : 200);
  await using it = await start(to.url);
  await using hooks = await it.open();
  await it.store("again");
  await until(() => to.heard.length === 1, "told at last");
  await until(() => hooks.stats.waiting === 0, "nothing waits");
  assert.equal(to.tries(), 4);
  assert.equal(it.lines.filter(({ event }) => event === "hook.failed").length, 1);
});

Deno.test("S-HOO-2 what nobody takes becomes a dead letter, which is logged and kept over a restart", async () => {
  await using to = receiver(() => 500);
  await using it = await start(to.url, { giveUpAfterMs: 100 });
  {
    await using hooks = await it.open();
    await it.store("unwanted");
    await until(() => hooks.stats.dead.length === 1, "it is given up");
    assert.equal(hooks.stats.waiting, 0);
  }
  assert.ok(it.lines.some(({ event, level }) => event === "hook.dead" && level === "warn"));
  await using hooks = await it.open();
  const [dead] = hooks.stats.dead;
  assert.deepEqual([dead!.file.name, dead!.error], ["unwanted", "status 500"]);
});

Deno.test("a secret is whsec_ and 24 to 64 bytes", () => {
  assert.equal(parseSecret(SECRET + "\n")!.length, 32);
  for (
    const bad of ["", "whsec_", "whsec_c2hvcnQ=", "0123456789abcdef0123456789abcdef", "whsec_***"]
  ) {
    assert.equal(parseSecret(bad), undefined, bad);
  }
  // The example of the specification.
  const secret = parseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")!;
  const body = '{"test": 2432232314}';
  assert.equal(
    signatureOf(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body),
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
});

Deno.test("S-HOO-1 a server that is killed again and again while files arrive tells each of them", async () => {
  await using to = receiver((tries) => tries % 7 === 0 ? 503 : 200);
  await using temp = await TempDir.make();
  await Deno.writeTextFile(`${temp.path}/secret`, SECRET);
  const set = { "hooks.url": to.url, "hooks.secret_file": `${temp.path}/secret` };
  const serve = () => Program.serve({ cwd: temp.path, flags: ["-A"], set });
  const stored = new Set<string>();
  for (let round = 0; round < 4; round++) {
    const server = await serve();
    try {
      using peer = await RawPeer.open(server);
      for (let n = 0; n < 30; n++) {
        const { data } = await peer.stateless(`round ${round}, file ${n}`);
        assert.equal(data.code, "ok");
        stored.add(data.file.path);
      }
    } finally {
      await server.kill();
    }
  }
  await using _server = await serve();
  await until(() => new Set(to.heard.map(({ path }) => path)).size >= stored.size, "all", 20_000);
  const told = new Set(to.heard.map(({ path }) => path));
  for (const path of stored) assert.ok(told.has(path), path);
});

for (
  const [what, set, flags, words] of [
    ["without a secret", {}, ["-A"], /needs hooks\.secret_file/],
    ["with a weak secret", { "hooks.secret_file": "weak" }, ["-A"], /24 to 64 bytes/],
    [
      "in the sandbox",
      { "hooks.secret_file": "weak" },
      ["--no-prompt", "--allow-net", "--allow-write=storage"],
      /--allow-read=<storage folder>/,
    ],
  ] as const
) {
  Deno.test(`hooks ${what} are refused in words`, async () => {
    await using temp = await TempDir.make();
    await Deno.writeTextFile(`${temp.path}/weak`, "weak");
    const all = { "hooks.url": "http://127.0.0.1:1/", ...set };
    await assert.rejects(Program.serve({ cwd: temp.path, flags, set: all }), words);
  });
}

for (const damage of ["", '{"from":', "null", '{"from":1}']) {
  Deno.test(`S-HOO-1 a state file that is damaged (${damage || "empty"}) loses no hook: what may still wait is told again`, async () => {
    await using to = receiver((tries) => tries <= 3 ? 500 : 200);
    await using it = await start(to.url);
    {
      await using hooks = await it.open();
      for (const name of ["one", "two"]) await it.store(name);
      await until(() => hooks.stats.waiting === 2, "they wait");
    }
    await Deno.writeTextFile(it.parts.path, damage);
    await using hooks = await it.open();
    await it.store("three");
    await until(() => hooks.stats.waiting === 0 && to.heard.length === 3, "all are told");
    assert.deepEqual(to.heard.map(({ name }) => name).sort(), ["one", "three", "two"]);
    assert.equal(await Deno.readTextFile(`${it.parts.path}.bad`), damage);
    assert.ok(it.lines.some(({ event }) => event === "hook.state_set_aside"));
  });
}
