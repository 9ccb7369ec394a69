/**
 * A session against a small reference model: thousands of random steps, with every record going
 * through the memory store. The model knows nothing of rings, versions or tables: it is a list of
 * what ran, and a few facts in plain words.
 */
import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import {
  attach,
  checkpoint,
  detach,
  execute,
  expire,
  isFlapping,
  judge,
  lifeOf,
  openUpload,
  renewLease,
  type SessionRecord,
} from "../../src/session/mod.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";
import { Random } from "../helpers/random.ts";
import { pure, sample, sampleId, sampleUpload, T0, TERMS } from "./samples.ts";

/** How many replies the session keeps: few, or more than there are frames for a while. */
const keptBy = (seed: number): number => seed % 3 === 0 ? 20 : 4;
const LEASE = 60_000;
const STEPS = 400;

/** What a writer that slept has run: no verdict must ever be made of it. */
const LATE_RUN = {
  fingerprint: "late",
  reply: { code: "ok", answer: -1 },
  upload: null,
  storedBytes: 10,
  storedFiles: 1,
  input: "transfer",
} as const;

/** What is true of the session, kept the plain way. */
class Model {
  /** Each request that ran, in order: what it asked and what it was told. */
  readonly ran: { request: string; answer: number }[] = [];
  attached = true;
  closed = false;
  epoch = 1;
  takeovers: number[] = [];
  /** When the server was last known to hold it, or, detached, when it let go. */
  heldUntil = T0 + LEASE;
  offset: number | null = null;

  constructor(readonly kept: number) {}

  live(now: number): string {
    if (this.closed) return "closed";
    if (this.attached && now < this.heldUntil) return "attached";
    return now < this.heldUntil + TERMS.expiryMs ? "detached" : "expired";
  }

  judge(sequence: number, request: string): string {
    const last = this.ran.length;
    if (sequence === last + 1) return "run";
    if (sequence > last) return `sequence_gap ${last + 1}`;
    if (sequence <= last - this.kept || sequence < 1) return "replay_too_old";
    const kept = this.ran[sequence - 1]!;
    return kept.request === request ? `replay ${kept.answer}` : "sequence_reuse";
  }
}

function verdictOf(record: SessionRecord, sequence: number, request: string): string {
  const verdict = judge(record, sequence, request);
  if (verdict.kind === "run") return "run";
  if (verdict.kind === "replay") return `replay ${verdict.reply.answer}`;
  const { code, fields } = verdict.error;
  return code === "sequence_gap" ? `${code} ${fields.expected}` : code;
}

/** The code that `change` is refused with; undefined when it is not. */
function codeOf(change: () => unknown): string | undefined {
  try {
    change();
    return undefined;
  } catch (error) {
    if (error instanceof FxferError) return error.code;
    throw error;
  }
}

async function play(seed: number, counts: Map<string, number>): Promise<void> {
  const random = new Random(seed);
  await using store = new MemorySessionStore();
  const maxInflight = keptBy(seed);
  const model = new Model(maxInflight);
  const id = sampleId(seed);
  assert.ok(await store.save(sample({ id })));
  let now = T0;
  let answers = 0;
  let stale = (await store.load(id))!;
  let burst = 0;
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);

  for (let step = 0; step < STEPS; step++) {
    const record = (await store.load(id))!;
    const where = `seed ${seed}, step ${step}`;
    const save = async (next: SessionRecord) => {
      assert.equal(next.version, record.version + 1, where);
      assert.ok(await store.save(next), where);
    };
    const holding = model.attached && !model.closed;
    // Now and then two clients fight for the session.
    if (burst-- <= 0 && random.int(0, 39) === 0) burst = 7;
    now += burst > 0 ? random.int(0, 3000) : random.pick([0, 1, 500, 2000, 2000, 20_000, 70_000]);
    const life = model.live(now);
    const action = burst > 0 ? "attach" : random.pick([
      ...["frame", "frame", "frame", "frame", "again", "again", "again", "wrong"],
      ...["attach", "attach", "detach", "heartbeat", "open", "checkpoint", "stale", "sleep", "end"],
    ]);
    if (action === "frame" || action === "again" || action === "wrong") {
      const last = model.ran.length;
      // Mostly a number near the last one; requests from a small alphabet, so that some are equal.
      const sequence = action === "frame"
        ? last + 1
        : Math.max(0, last + 2 - random.int(0, action === "wrong" ? 9 : maxInflight + 1));
      const request = action === "again"
        ? model.ran[sequence - 1]?.request ?? "a"
        : random.pick(["a", "b"]);
      const want = model.judge(sequence, request);
      assert.equal(verdictOf(record, sequence, request), want, where);
      count(want.split(" ")[0]!);
      if (want === "run") {
        const answer = ++answers;
        const open = random.int(0, 1) === 1 ? record.upload : null;
        const run = () =>
          execute(record, {
            sequence,
            fingerprint: request,
            reply: { code: "ok", answer },
            upload: open,
            storedBytes: 10,
            storedFiles: 1,
            maxInflight,
            now,
            input: "transfer",
          });
        if (holding) {
          await save(run());
          model.ran.push({ request, answer });
          model.heldUntil = now + LEASE;
          if (open === null) model.offset = null;
        } else {
          assert.equal(codeOf(run), model.closed ? "session_expired" : "not_connected", where);
        }
      }
    } else if (action === "attach") {
      const change = () => attach(record, { ...TERMS, now });
      if (life === "closed" || life === "expired") {
        assert.equal(codeOf(change), "session_expired", where);
        count("late");
      } else {
        const recent = model.takeovers.slice(-5);
        const flapping = recent.length === 5 && now - recent[0]! < 10_000;
        assert.equal(isFlapping(record, now), flapping, where);
        if (flapping) count("flapping");
        await save(change());
        count(life === "attached" ? "takeover" : "resume");
        if (life === "attached") model.takeovers.push(now);
        model.attached = true;
        model.epoch++;
        model.heldUntil = now + LEASE;
      }
    } else if (action === "detach" && holding) {
      await save(detach(record, now));
      model.attached = false;
      model.heldUntil = now;
    } else if (action === "heartbeat" && holding) {
      await save(renewLease(record, now));
      model.heldUntil = now + LEASE;
    } else if (action === "open" && holding && model.offset === null) {
      await save(openUpload(record, sampleUpload(), now));
      model.offset = 0;
      model.heldUntil = now + LEASE;
    } else if (action === "checkpoint" && holding && model.offset !== null) {
      const offset = Math.max(0, model.offset + random.int(-500, 1000));
      await save(checkpoint(record, offset, now));
      model.offset = Math.max(model.offset, offset);
      model.heldUntil = now + LEASE;
      count("checkpoint");
    } else if (action === "stale" && stale.version < record.version) {
      // A writer that slept: whatever it makes of its old record must be refused.
      const late = { ...stale, version: stale.version + 1 };
      const run = { ...LATE_RUN, sequence: stale.lastSequence + 1, maxInflight, now };
      const next = stale.state === "active" ? execute(stale, run) : late;
      assert.equal(await store.save(next), false, where);
      count("stale");
      stale = record;
    } else if (action === "sleep" && random.int(0, 19) === 0) {
      now += random.pick([TERMS.expiryMs, LEASE + TERMS.expiryMs]);
    } else if (action === "end" && random.int(0, 39) === 0 && holding) {
      await save(execute(record, {
        sequence: model.ran.length + 1,
        fingerprint: "bye",
        reply: { code: "session_closed", answer: ++answers },
        upload: null,
        storedBytes: 0,
        storedFiles: 0,
        maxInflight,
        now,
        input: "disconnect",
      }));
      model.ran.push({ request: "bye", answer: answers });
      model.closed = true;
      model.offset = null;
      count("disconnect");
    }

    const kept = (await store.load(id))!;
    assert.equal(lifeOf(kept, now), model.live(now), where);
    assert.equal(kept.lastSequence, model.ran.length, where);
    assert.equal(kept.epoch, model.epoch, where);
    assert.equal(kept.upload?.offset ?? null, model.offset, where);
    assert.equal(kept.messageCount, model.ran.length, where);
    assert.ok(kept.ring.length <= maxInflight, where);
    if (model.closed || model.live(now) === "expired") {
      if (!model.closed) assert.ok(await store.save(expire(kept, now)), where);
      assert.deepEqual(await store.stats(), { live: 0, ended: 1 }, where);
      if (!model.closed) {
        count("expired");
        return;
      }
      if (random.int(0, 9) === 0) return;
    }
  }
}

pure("A session under random operations, cuts and retries does what the model does", async () => {
  const counts = new Map<string, number>();
  for (let seed = 1; seed <= 150; seed++) await play(seed, counts);
  // The walk must have been everywhere, often: a model that is never asked proves nothing.
  for (
    const what of [
      ...[
        "run",
        "replay",
        "sequence_reuse",
        "sequence_gap",
        "replay_too_old",
        "takeover",
        "resume",
      ],
      ...["late", "flapping", "checkpoint", "stale", "disconnect", "expired"],
    ]
  ) {
    assert.ok((counts.get(what) ?? 0) >= 20, `${what}: ${counts.get(what)}`);
  }
});
