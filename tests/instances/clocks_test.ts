/** Two servers on one store whose wall clocks differ: the sessions of one are safe from the other. */
import assert from "node:assert/strict";
import { hasten } from "../helpers/hastened.ts";
import { expectCode } from "../helpers/in_process.ts";
import { inRedis, inSqlite, Instance, type OpenStore } from "../helpers/instances.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const TEN_MINUTES = 600_000;
const HOUR = 3_600_000;

/** Starts a server on a host whose wall clock is off by so many milliseconds. */
async function startOff(ms: number, name: string, folder: string, open: OpenStore) {
  const real = Date.now;
  Date.now = () => real() + ms;
  try {
    return await Instance.start(name, folder, open);
  } finally {
    Date.now = real;
  }
}

/** Resolves when a server has swept its sessions this often from now on; each sweep lists them. */
async function swept({ store }: Instance, times: number): Promise<void> {
  const list = store.list.bind(store);
  let begun = 0;
  store.list = (...args) => {
    begun++;
    return list(...args);
  };
  // One sweep begins when the one before has ended.
  await until(() => begun > times, `${times} sweeps`);
}

async function keepsSessions(folder: TempDir, open: OpenStore, off: number): Promise<void> {
  const storage = folder.join("storage");
  using _sooner = hasten(5000, 250); // the sweeps
  await using a = await Instance.start("a", storage, open);
  using attached = await a.peer();
  expectCode(await attached.connect(), "session_created");
  using leaving = await a.peer();
  const { token } = expectCode(await leaving.connect({ want_token: true }), "session_created");
  await leaving.send(leaving.transfer("abc", {}, { size: 6 }));
  leaving.close();
  await a.detached(leaving.id);
  await using b = await startOff(off, "b", storage, open);
  await Promise.all([swept(a, 3), swept(b, 3)]);
  expectCode(await attached.upload("goes on"), "ok");
  using back = await a.peer();
  const { upload } = expectCode(await back.connect({ token }, leaving.id), "session_resumed");
  assert.equal(upload.offset, 3);
}

for (
  const [words, off] of [["ahead by ten minutes", TEN_MINUTES], ["behind by 1 h", -HOUR]] as const
) {
  Deno.test(`S-CLK-3 a server whose clock is ${words} ends no session of another one, sqlite`, async () => {
    await using folder = await TempDir.make();
    await keepsSessions(folder, inSqlite(folder.join("sessions.db")), off);
  });
  testWith(
    ["redis-server"],
    `S-CLK-3 a server whose clock is ${words} ends no session of another one, redis`,
    async (path) => {
      await using folder = await TempDir.make();
      await using redis = await RedisServer.start(path);
      await keepsSessions(folder, inRedis(redis.url), off);
    },
  );
}

/** A session is left at one server, and its client comes to another one that has just started. */
async function livesElsewhere(folder: TempDir, open: OpenStore): Promise<void> {
  const storage = folder.join("storage");
  await using a = await Instance.start("a", storage, open);
  using peer = await a.peer();
  const { token } = expectCode(await peer.connect({ want_token: true }), "session_created");
  peer.close();
  await a.detached(peer.id);
  await using b = await startOff(TEN_MINUTES, "b", storage, open);
  using again = await b.peer();
  const start = performance.now();
  expectCode(await again.connect({ token }, peer.id), "session_resumed");
  assert.ok(performance.now() - start < 2000);
}

const TITLE =
  "S-CLK-1 a session that was left at one server is alive at another whose clock is off";

testWith(["redis-server"], `${TITLE}, redis`, async (path) => {
  await using folder = await TempDir.make();
  await using redis = await RedisServer.start(path);
  await livesElsewhere(folder, inRedis(redis.url));
});

Deno.test(`${TITLE}, sqlite`, async () => {
  await using folder = await TempDir.make();
  await livesElsewhere(folder, inSqlite(folder.join("sessions.db")));
});

Deno.test("S-CLK-1 a session whose server has died expires at another one by the clock, sqlite", async () => {
  await using folder = await TempDir.make();
  const open = inSqlite(folder.join("sessions.db"));
  const storage = folder.join("storage");
  const a = await Instance.start("a", storage, open);
  using peer = await a.peer();
  expectCode(await peer.connect({ session_expiry_s: 60 }), "session_created");
  peer.close();
  await a.detached(peer.id);
  await a[Symbol.asyncDispose]();
  const real = Date.now;
  Date.now = () => real() + TEN_MINUTES; // ten minutes later
  try {
    await using b = await Instance.start("b", storage, open);
    using again = await b.peer();
    expectCode(await again.connect({}, peer.id), "session_expired");
  } finally {
    Date.now = real;
  }
});
