/**
 * A server that stands still at any step of a commit, while another one takes the session over; then it
 * wakes up (S-TAKE-2, S-SEQ-5). FXFER_FREEZES sets how often the random part runs; FXFER_SEED repeats it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { listStored, readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { inRedis, inSqlite, Instance } from "../helpers/instances.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";
import { NOTED_STEPS, type Step, STEPS } from "./dying_server.ts";
import { startDying } from "./start_dying.ts";

const SEED = Number(Deno.env.get("FXFER_SEED") ?? 2026);
const FREEZES = Number(Deno.env.get("FXFER_FREEZES") ?? 4);

/** One server stands still at the step, another takes over, and the first one wakes up. */
async function freezeAt(
  step: Step,
  store: string,
  size: number,
  named: boolean,
  level: "process" | "durable" = "durable",
): Promise<void> {
  await using dir = await TempDir.make();
  const folder = dir.join("storage");
  const place = store === "" ? dir.join("sessions.db") : store;
  const bytes = new Random(size).bytes(size);
  const sent = {
    length: size,
    sha256: sha256(bytes),
    ...(named ? { upload_id: crypto.randomUUID() } : {}),
  };
  // The first two small files of a connection are announced.
  const before = level === "process" ? ["first", "second"] : [];
  const sequence = before.length + 1;
  const frozen = await startDying({
    step,
    folder,
    store: place,
    level,
    file: sequence,
    how: "SIGSTOP",
  });
  try {
    using old = await RawPeer.open(frozen);
    await old.connect({ session_expiry_s: 60 });
    for (const text of before) assert.equal((await old.upload(text)).data.code, "ok");
    const frame = old.transfer(bytes, sent);
    // The end comes later where the server freezes before it: however it reads, it saves an offset inside.
    const cut = step === "inside the payload" ? frame.length - 1000 : frame.length;
    const begun = old.send(frame.subarray(0, cut)).catch(() => {});
    const standing = async () => {
      const stat = await Deno.readTextFile(`/proc/${frozen.pid}/stat`);
      return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
    };
    while (!await standing()) await new Promise((resolve) => setTimeout(resolve, 10));
    const sending = begun.then(() => old.send(frame.subarray(cut))).catch(() => {});

    await using again = await Instance.start(
      "again",
      folder,
      store === "" ? inSqlite(place) : inRedis(place),
    );
    using next = await again.peer();
    const { data } = await next.connect({}, old.id);
    assert.equal(data.code, "session_resumed", JSON.stringify(data));
    const offset = data.next_sequence > sequence ? 0 : data.upload?.offset ?? 0;
    const repeat = () => next.upload(bytes.subarray(offset), { ...sent, offset }, { sequence });
    let retry = await repeat();
    const isClaimed = level === "process" && named && step === "after the note";
    // Who stands still here holds the claim of the upload id, for which others wait (S-TRF-11).
    if (isClaimed) assert.equal(retry.data.code, "busy", JSON.stringify(retry.data));
    else assert.equal(retry.data.code, "ok", JSON.stringify(retry.data));
    Deno.kill(frozen.pid, "SIGCONT");
    while (retry.data.code === "busy") retry = await repeat();
    assert.equal(retry.data.code, "ok", JSON.stringify(retry.data));
    // What it had answered before it stood still may come first; after that it says nothing but this.
    const first = await old.reply();
    if (first.data.code === "ok") {
      assert.equal(step, "after the commit");
      assert.equal(first.data.file.path, retry.data.file.path);
    }
    const notice = first.data.code === "ok" ? await old.reply() : first;
    assert.equal(notice.data.code, "session_taken_over", JSON.stringify(notice.data));
    await sending;
    assert.equal((await next.upload("the next", {}, { sequence: sequence + 1 })).data.code, "ok");

    const paths = await listStored(folder);
    assert.equal(paths.length, sequence + 1, `${paths}`);
    assert.ok(paths.includes(retry.data.file.path), "the acked file is where it was said to be");
    assert.equal(await storedSha256(folder, retry.data.file.path), sent.sha256);
    const listed = (await readManifest(folder)).map(({ path }) => path);
    assert.deepEqual([...new Set(listed)].sort(), paths.sort(), "no line for what is not there");
  } finally {
    for (const signal of ["SIGCONT", "SIGKILL"] as const) {
      try {
        Deno.kill(frozen.pid, signal);
      } catch {
        // It has ended.
      }
    }
    await frozen.ended;
  }
}

const onLinux = { ignore: Deno.build.os !== "linux" };

for (const step of STEPS) {
  Deno.test(
    `S-TAKE-2 a server frozen ${step} wakes up and changes nothing, sqlite`,
    onLinux,
    () => freezeAt(step, "", step === "inside the payload" ? 9_000_000 : 9000, false),
  );
}

for (const step of NOTED_STEPS) {
  for (const named of [true, false]) {
    Deno.test(
      `S-TAKE-2 a server frozen ${step} wakes up and doubles nothing, ${
        named ? "with" : "without"
      } an upload id`,
      onLinux,
      () => freezeAt(step, "", 9000, named, "process"),
    );
  }
}

testWith(
  ["redis-server"],
  `S-TAKE-2 ${FREEZES} servers frozen at random steps, redis and sqlite (seed ${SEED})`,
  async (path) => {
    if (onLinux.ignore) return;
    const random = new Random(SEED);
    await using redis = await RedisServer.start(path);
    for (let each = 0; each < FREEZES; each++) {
      const level = random.pick(["process", "durable"] as const);
      const step = random.pick<Step>(level === "process" ? [...NOTED_STEPS] : [...STEPS]);
      const least = step === "inside the payload" ? 8_500_000 : 1;
      const most = level === "process" ? 60_000 : random.pick([9_500_000, least + 20_000]);
      const size = random.int(least, most);
      const named = random.int(0, 1) === 1;
      const store = random.pick([redis.url, ""]);
      await freezeAt(step, store, size, named, level).catch((cause) => {
        throw new Error(`seed ${SEED}, freeze ${each}: ${step}, ${size} bytes, ${level}`, {
          cause,
        });
      });
    }
  },
);
