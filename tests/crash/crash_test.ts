/** A server that dies at any step of a commit, and is started again (S-SEQ-5). @module */
import assert from "node:assert/strict";
import { listStored, partialSizes, readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { inRedis, inSqlite, Instance } from "../helpers/instances.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { findProgram, testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";
import { NOTED_STEPS, type Step, STEPS } from "./dying_server.ts";
import { startDying } from "./start_dying.ts";

/**
 * A file in several checkpoints, one that is gathered in memory and first known by its intent, and those that
 * no intent announces: with an upload id and without.
 */
const SIZES = { large: 9_000_000, small: 9000, unannounced: 9000, nameless: 9000 } as const;

/** Kills a server at the step, starts another, and tries again as a client does. */
async function dieAt(step: Step, store: string, size: keyof typeof SIZES): Promise<void> {
  await using dir = await TempDir.make();
  const folder = dir.join("storage");
  const place = store === "" ? dir.join("sessions.db") : store;
  const level = size === "large" || size === "small" ? "durable" : "process";
  const bytes = new Random(STEPS.indexOf(step as never) + 1).bytes(SIZES[size]);
  const sha = sha256(bytes);

  // The first two small files of a connection are announced.
  const before = level === "process" ? ["first", "second"] : [];
  const sequence = before.length + 1;
  const dying = await startDying({ step, folder, store: place, level, file: sequence });
  using peer = await RawPeer.open(dying);
  await peer.connect({ session_expiry_s: 60 });
  for (const text of before) assert.equal((await peer.upload(text)).data.code, "ok");
  const id = size === "nameless" ? {} : { upload_id: crypto.randomUUID() };
  const sent = { length: bytes.length, sha256: sha, ...id };
  const frame = peer.transfer(bytes, sent);
  // The end is missing where the server dies before it: however it reads, it saves an offset inside.
  const cut = step === "inside the payload" ? frame.length - 1000 : frame.length;
  await peer.send(frame.subarray(0, cut)).catch(() => {}); // it may be gone before the end
  assert.equal((await dying.ended).signal, "SIGKILL", `it died ${step}`);
  assert.equal((await readManifest(folder)).length <= sequence, true);

  const open = store === "" ? inSqlite(place) : inRedis(place);
  await using again = await Instance.start("again", folder, open);
  using next = await again.peer();
  const { data } = await next.connect({}, peer.id);
  assert.equal(data.code, "session_resumed", JSON.stringify(data));
  const offset = data.next_sequence > sequence ? 0 : data.upload?.offset ?? 0;
  const retry = await next.upload(bytes.subarray(offset), { ...sent, offset }, { sequence });
  assert.equal(retry.data.code, "ok", JSON.stringify(retry.data));
  assert.equal(retry.data.file.sha256, sha);

  const paths = await listStored(folder);
  assert.equal(paths.length, sequence, "one file");
  assert.ok(paths.includes(retry.data.file.path));
  assert.equal(await storedSha256(folder, retry.data.file.path), sha);
  assert.deepEqual((await readManifest(folder)).map(({ path }) => path).sort(), paths, "one line");
  // Bytes that nobody ever spoke of are swept by a later start: they may be another server's.
  const unknown = size === "small" && step === "before the intent" ? 1 : 0;
  assert.equal((await partialSizes(folder)).length, unknown, "no other leftover");
  assert.equal((await next.upload("the next", {}, { sequence: sequence + 1 })).data.code, "ok");
  const { files, bytes: total } = (await next.disconnect(sequence + 2)).data;
  const others = [...before, "the next"].join("").length;
  assert.deepEqual([files, total], [sequence + 1, bytes.length + others], "it is counted once");
}

/** So many files come in one write, after the two that are announced. */
const TOGETHER = 6;

/**
 * Kills a server at a step of one of several files that are published together and that one save was to cover, and
 * tries all again.
 *
 * @param at Which of them, counted from 1.
 */
async function dieTogether(step: Step, store: string, at: number, named: boolean): Promise<void> {
  await using dir = await TempDir.make();
  const folder = dir.join("storage");
  const place = store === "" ? dir.join("sessions.db") : store;
  const random = new Random(NOTED_STEPS.indexOf(step as never));
  const files = Array.from({ length: 2 + TOGETHER }, () => random.bytes(random.int(16, 400)));
  const dying = await startDying({
    step,
    folder,
    store: place,
    level: "process",
    file: 2 + at,
  });
  using peer = await RawPeer.open(dying);
  await peer.connect({ session_expiry_s: 60 });
  const ids = files.map(() => named ? { upload_id: crypto.randomUUID() } : {});
  for (const at of [0, 1]) {
    assert.equal((await peer.upload(files[at]!, ids[at]!)).data.code, "ok");
  }
  const frames = files.map((bytes, at) => peer.transfer(bytes, ids[at], { sequence: at + 1 }));
  await peer.send(...frames.slice(2)).catch(() => {});
  assert.equal((await dying.ended).signal, "SIGKILL", `it died ${step}`);

  const open = store === "" ? inSqlite(place) : inRedis(place);
  await using again = await Instance.start("again", folder, open);
  using next = await again.peer();
  const { data } = await next.connect({}, peer.id);
  assert.equal(data.code, "session_resumed", JSON.stringify(data));
  next.close();
  await again.detached(peer.id);
  // Each by another connection, so that each finds what the one before it has found.
  for (let sequence = data.next_sequence; sequence <= files.length; sequence++) {
    using third = await again.peer();
    assert.equal((await third.connect({}, peer.id)).data.code, "session_resumed");
    const { data: said } = await third.upload(files[sequence - 1]!, ids[sequence - 1]!, {
      sequence,
    });
    assert.equal(said.code, "ok", JSON.stringify(said));
    third.close();
    await again.detached(peer.id);
  }
  const paths = await listStored(folder);
  const shas = await Promise.all(paths.map((path) => storedSha256(folder, path)));
  assert.deepEqual(shas.sort(), files.map(sha256).sort(), "each file once");
  assert.deepEqual(
    (await readManifest(folder)).map(({ path }) => path).sort(),
    paths,
    "a line each",
  );
  const { filesTransferred } = await again.record(peer.id);
  assert.equal(filesTransferred, files.length, "each is counted once");
}

const program = findProgram("redis-server");
let redis: RedisServer | undefined;
if (program !== undefined) {
  Deno.test.beforeAll(async () => {
    redis = await RedisServer.start(program);
  });
  Deno.test.afterAll(async () => {
    await redis?.[Symbol.asyncDispose]();
  });
}

for (const size of ["large", "small", "unannounced", "nameless"] as const) {
  for (const step of size === "large" || size === "small" ? STEPS : NOTED_STEPS) {
    if (size === "small" && step === "inside the payload") continue; // nothing was written yet
    const title = `S-SEQ-5 SIGKILL ${step}, restart, retry: one complete ${size} file`;
    Deno.test(`${title}, sqlite`, () => dieAt(step, "", size));
    testWith(["redis-server"], `${title}, redis`, () => dieAt(step, redis!.url, size));
  }
}

for (const step of NOTED_STEPS) {
  for (const at of [3, TOGETHER]) {
    for (const named of [true, false]) {
      const which = `file ${at} of ${TOGETHER} in one save, ${named ? "with" : "without"} ids`;
      const title = `S-SEQ-9 SIGKILL ${step} of ${which}, restart, retry`;
      Deno.test(`${title}, sqlite`, () => dieTogether(step, "", at, named));
      testWith(["redis-server"], `${title}, redis`, () => dieTogether(step, redis!.url, at, named));
    }
  }
}
