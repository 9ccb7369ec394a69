/**
 * Servers killed at random moments under a client that tries again: every file it was told to be
 * stored is there, once and whole. FXFER_KILLS sets how often (200 for a release); FXFER_SEED repeats
 * a run.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect } from "../../src/client/mod.ts";
import { Balancer } from "../helpers/balancer.ts";
import { listStored, readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

const asked = Deno.env.get("FXFER_KILLS");
/** How often; the program takes a second to start while another one works. */
const KILLS = {
  memory: Number(asked ?? 6),
  sqlite: Number(asked ?? 12),
  redis: Number(asked ?? 6),
};
const SEED = Number(Deno.env.get("FXFER_SEED") ?? 2026);

/** Without a session the upload id alone keeps a retry from storing a file twice. */
type Mode = "stateful" | "stateless";

/** Files under way at a time. */
const INFLIGHT = 4;

/** Kills in one session: more in ten seconds look like two clients that quarrel over it (S-TAKE-5). */
const KILLS_A_SESSION = 4;

/** What the client sent and what it was told. */
class Ledger {
  readonly sent = new Set<string>();
  readonly acked = new Set<string>();
  readonly #known = new Map<string, string>();

  constructor(readonly storage: string) {}

  /** Fails unless every acked file is there once, and every file there is one that was sent, whole. */
  async check(when: string): Promise<void> {
    const acked = [...this.acked];
    const found = new Map<string, string>();
    for (const path of await listStored(this.storage)) {
      const sha = this.#known.get(path) ?? await storedSha256(this.storage, path);
      this.#known.set(path, sha);
      assert.ok(this.sent.has(sha), `${when}: ${path} is no file that was sent: partial or mixed`);
      assert.equal(found.get(sha), undefined, `${when}: ${path} is stored twice`);
      found.set(sha, path);
    }
    for (const sha of acked) assert.ok(found.has(sha), `${when}: an acked file is missing`);
  }

  /** Fails unless the manifest lists exactly the files there, each once. */
  async checkManifest(): Promise<void> {
    const lines = await readManifest(this.storage);
    const listed = lines.map(({ path }) => path).sort();
    assert.deepEqual(listed, await listStored(this.storage));
    assert.deepEqual(lines.map((line) => line.sha256).sort(), [...this.sent].sort());
  }
}

/** Sends files until told to stop, then waits for all of them. Each begins with its number, so no two are alike. */
async function sendUntil(
  stop: AbortSignal,
  { port, mode }: { readonly port: number; readonly mode: Mode },
  ledger: Ledger,
  random: Random,
) {
  await using client = await connect({
    port,
    mode,
    retries: 100,
    backoff: { initialMs: 20, maxMs: 200 },
  });
  const lane = async () => {
    while (!stop.aborted) {
      const bytes = random.bytes(random.int(16, random.int(1, 8) === 1 ? 900_000 : 5000));
      new DataView(bytes.buffer).setUint32(0, ledger.sent.size);
      const sha = sha256(bytes);
      ledger.sent.add(sha);
      const result = await client.send(bytes);
      assert.equal(result.sha256, sha);
      ledger.acked.add(sha);
    }
  };
  await Promise.all(Array.from({ length: INFLIGHT }, lane));
}

/** Kills one of the servers at random moments, and starts it again. */
async function killAtRandom(
  times: number,
  servers: number,
  args: readonly string[],
  mode: Mode = "stateful",
): Promise<void> {
  const random = new Random(SEED);
  await using dir = await TempDir.make();
  await using balancer = new Balancer();
  const start = () => Program.serve({ cwd: dir.path, args });
  const running = await Promise.all(Array.from({ length: servers }, start));
  try {
    balancer.targets = [...running];
    const ledger = new Ledger(running[0]!.storage);
    for (let kills = 0; kills < times;) {
      const stop = new AbortController();
      const sending = sendUntil(stop.signal, { port: balancer.port, mode }, ledger, random);
      const killing = (async () => {
        for (let each = 0; each < KILLS_A_SESSION && kills < times; each++) {
          // By bytes, so that a seed means much the same on any machine; then a little of its own time.
          await balancer.after(random.int(1, 1_500_000));
          await new Promise((resolve) => setTimeout(resolve, random.int(0, 10)));
          const victim = random.int(0, servers - 1);
          const { [victim]: program } = running;
          balancer.targets = running.filter((each) => each !== program);
          await program!.kill();
          await program![Symbol.asyncDispose]();
          await ledger.check(`seed ${SEED}, kill ${++kills}`);
          running[victim] = await start();
          balancer.targets = [...running];
        }
      })().finally(() => stop.abort());
      await Promise.all([sending, killing]);
    }
    await ledger.check(`seed ${SEED}, at the end`);
    await ledger.checkManifest();
    assert.equal(ledger.acked.size, ledger.sent.size, "every file was stored in the end");
  } finally {
    for (const program of running) await program[Symbol.asyncDispose]();
  }
}

Deno.test(`S-TRF-7 ${KILLS.sqlite} SIGKILLs at random moments lose, double and tear no file, sqlite`, async () => {
  await killAtRandom(KILLS.sqlite, 1, ["--persistence", "sqlite"]);
});

Deno.test(`S-TRF-11 ${KILLS.memory} SIGKILLs at random moments lose, double and tear no file, two servers without sessions`, async () => {
  await killAtRandom(KILLS.memory, 2, ["--persistence", "memory"], "stateless");
});

testWith(
  ["redis-server"],
  `S-TRF-7 ${KILLS.redis} SIGKILLs at random moments lose, double and tear no file, two servers on redis`,
  async (path) => {
    await using redis = await RedisServer.start(path);
    await killAtRandom(KILLS.redis, 2, ["--persistence", "redis", "--redis-url", redis.url]);
  },
);
