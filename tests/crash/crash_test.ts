/** A server that dies at any step of a commit, and is started again (S-SEQ-5). @module */
import assert from "node:assert/strict";
import { listStored, partialSizes, readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { inRedis, inSqlite, Instance } from "../helpers/instances.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { findProgram, testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";
import { CLAIM_STEPS, type Step, STEPS } from "./dying_server.ts";
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

  const dying = await startDying({ step, folder, store: place, level });
  using peer = await RawPeer.open(dying);
  await peer.connect({ session_expiry_s: 60 });
  const id = size === "nameless" ? {} : { upload_id: crypto.randomUUID() };
  const sent = { length: bytes.length, sha256: sha, ...id };
  await peer.send(peer.transfer(bytes, sent)).catch(() => {}); // it may be gone before the end
  assert.equal((await dying.ended).signal, "SIGKILL", `it died ${step}`);
  assert.equal((await readManifest(folder)).length <= 1, true);

  const open = store === "" ? inSqlite(place) : inRedis(place);
  await using again = await Instance.start("again", folder, open);
  using next = await again.peer();
  const { data } = await next.connect({}, peer.id);
  assert.equal(data.code, "session_resumed", JSON.stringify(data));
  const offset = data.next_sequence === 2 ? 0 : data.upload?.offset ?? 0;
  const retry = await next.upload(bytes.subarray(offset), { ...sent, offset }, { sequence: 1 });
  assert.equal(retry.data.code, "ok", JSON.stringify(retry.data));
  assert.equal(retry.data.file.sha256, sha);

  const paths = await listStored(folder);
  assert.deepEqual(paths, [retry.data.file.path], "one file");
  assert.equal(await storedSha256(folder, paths[0]!), sha);
  assert.deepEqual((await readManifest(folder)).map(({ path }) => path), paths, "one line");
  // Bytes that nobody ever spoke of are swept by a later start: they may be another server's.
  const unknown = (size === "small" && step === "before the intent") || step === "after the claim"
    ? 1
    : 0;
  assert.equal((await partialSizes(folder)).length, unknown, "no other leftover");
  assert.equal((await next.upload("the next", {}, { sequence: 2 })).data.code, "ok");
  const { files, bytes: total } = (await next.disconnect(3)).data;
  assert.deepEqual([files, total], [2, bytes.length + 8], "it is counted once");
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
  for (const step of size === "large" || size === "small" ? STEPS : CLAIM_STEPS) {
    if (size === "small" && step === "inside the payload") continue; // nothing was written yet
    const title = `S-SEQ-5 SIGKILL ${step}, restart, retry: one complete ${size} file`;
    Deno.test(`${title}, sqlite`, () => dieAt(step, "", size));
    testWith(["redis-server"], `${title}, redis`, () => dieAt(step, redis!.url, size));
  }
}
