import assert from "node:assert/strict";
import {
  attach,
  checkpoint,
  close,
  detach,
  dropUpload,
  execute,
  expire,
  intend,
  intendWhole,
  isFlapping,
  openUpload,
  renewLease,
  type SessionRecord,
} from "../../src/session/mod.ts";
import { coded, pure, sample, sampleRun, sampleUpload, T0, TERMS } from "./samples.ts";

const LEASE = 60_000;
const INTENT = {
  sequence: 1,
  fingerprint: "f1",
  temporaryPath: ".incoming/a",
  finalPath: "a.png",
  size: 10,
  sha256: "ab",
  mimeType: "image/png",
};

/** What differs between two records. */
function changes(from: SessionRecord, to: SessionRecord): Partial<SessionRecord> {
  const keys = Object.keys(to) as (keyof SessionRecord)[];
  assert.deepEqual(keys.sort(), (Object.keys(from) as typeof keys).sort());
  return Object.fromEntries(
    keys.filter((key) => JSON.stringify(to[key]) !== JSON.stringify(from[key]))
      .map((key) => [key, to[key]]),
  );
}

pure("S-CON-1 createSession() makes an attached record of version, epoch 1 and sequence 0", () => {
  assert.deepEqual(sample({ tokenHash: "ab" }), {
    id: "00000000-0000-4000-8000-000000000001",
    version: 1,
    state: "authenticated",
    epoch: 1,
    instance: "one",
    clock: "one",
    leaseUntil: T0 + LEASE,
    takeovers: [],
    tokenHash: "ab",
    clientAddress: "192.0.2.7",
    createdAt: T0,
    lastActivityAt: T0,
    detachedAt: null,
    endedAt: null,
    keepaliveMs: 30_000,
    expiryMs: 300_000,
    lastSequence: 0,
    ring: [],
    upload: null,
    intent: null,
    messageCount: 0,
    totalBytes: 0,
    filesTransferred: 0,
  });
});

pure("S-DIS-1 detach() lets go of the instance and starts expiry", () => {
  const record = sample();
  assert.deepEqual(changes(record, detach(record, T0 + 5)), {
    version: 2,
    state: "detached",
    instance: null,
    lastActivityAt: T0 + 5,
    detachedAt: T0 + 5,
  });
  assert.throws(() => detach(detach(record, T0), T0), coded("internal_error"));
});

pure("S-CON-2 attach() on a detached session resumes it with the terms of the new connect", () => {
  const left = detach(execute(sample({ partialExpiryMs: 900_000 }), sampleRun(1)), T0 + 5);
  const back = attach(left, {
    now: T0 + 9,
    clientAddress: "192.0.2.8",
    instance: "two",
    keepaliveMs: 10_000,
    expiryMs: 60_000,
    partialExpiryMs: 80_000,
  });
  assert.deepEqual(changes(left, back), {
    version: 4,
    state: "authenticated",
    epoch: 2,
    instance: "two",
    clock: "two",
    leaseUntil: T0 + 9 + 20_000,
    clientAddress: "192.0.2.8",
    lastActivityAt: T0 + 9,
    detachedAt: null,
    keepaliveMs: 10_000,
    expiryMs: 60_000,
    partialExpiryMs: 80_000,
  });
});

pure("S-TAKE-2 attach() on an attached session raises the epoch and notes the takeover", () => {
  const active = execute(sample(), sampleRun(1));
  const taken = attach(active, { ...TERMS, now: T0 + 9, instance: "two" });
  assert.equal(taken.state, "authenticated");
  assert.equal(taken.epoch, 2);
  assert.deepEqual(taken.takeovers, [T0 + 9]);
});

pure("S-CLK-4 attach() after the lease ran out is no takeover", () => {
  const crashed = sample();
  const at = (now: number) => attach(crashed, { ...TERMS, now }).takeovers;
  assert.deepEqual(at(T0 + LEASE - 1), [T0 + LEASE - 1]);
  assert.deepEqual(at(T0 + LEASE), []);
});

pure("S-CLK-1 attach() refuses by the clock what no sweeper has touched", () => {
  const left = detach(sample(), T0);
  const at = (record: SessionRecord, now: number) => () => attach(record, { ...TERMS, now });
  assert.equal(at(left, T0 + 299_999)().state, "authenticated");
  assert.throws(at(left, T0 + 300_000), coded("session_expired", { state: "expired" }));
  assert.throws(at(left, T0 + 300_000 + 3_600_000), coded("session_unknown"));
  assert.throws(at(sample(), T0 + LEASE + 300_000), coded("session_expired", { state: "expired" }));
  assert.throws(at(close(left, T0), T0 + 1), coded("session_expired", { state: "closed" }));
});

pure("S-TAKE-5 isFlapping() is true from the fifth takeover on, until 10 s after the first", () => {
  let record = sample();
  for (let i = 0; i < 5; i++) {
    assert.ok(!isFlapping(record, T0 + i * 1000));
    record = attach(record, { ...TERMS, now: T0 + i * 1000 });
  }
  assert.ok(isFlapping(record, T0 + 4000));
  assert.ok(isFlapping(record, T0 + 9999));
  assert.ok(!isFlapping(record, T0 + 10_000));
  const sixth = attach(record, { ...TERMS, now: T0 + 10_000 });
  assert.deepEqual(sixth.takeovers, [1000, 2000, 3000, 4000, 10_000].map((ms) => T0 + ms));
});

pure("S-TAKE-5 takeovers in the future of a clock that was set back are not counted", () => {
  let record = sample();
  const hour = 3_600_000;
  for (let i = 0; i < 5; i++) {
    record = attach(record, { ...TERMS, now: T0 + i, wallTime: T0 + hour + i });
  }
  assert.ok(isFlapping(record, T0 + hour + 5));
  assert.ok(!isFlapping(record, T0 + 5));
  // Those that follow are counted again.
  for (let i = 5; i < 10; i++) record = attach(record, { ...TERMS, now: T0 + i });
  assert.ok(isFlapping(record, T0 + 10));
});

pure("S-CLK-4 renewLease() keeps the state and moves the lease", () => {
  const record = sample();
  assert.deepEqual(changes(record, renewLease(record, T0 + 7)), {
    version: 2,
    leaseUntil: T0 + 7 + LEASE,
    lastActivityAt: T0 + 7,
  });
  assert.equal(renewLease(execute(record, sampleRun(1)), T0).state, "active");
  assert.throws(() => renewLease(detach(record, T0), T0), coded("not_connected"));
});

pure("openUpload() makes the session active and refuses a detached one", () => {
  const record = sample();
  const upload = sampleUpload();
  const open = openUpload(record, upload, T0 + 7);
  assert.deepEqual(changes(record, open), {
    version: 2,
    state: "active",
    leaseUntil: T0 + 7 + LEASE,
    lastActivityAt: T0 + 7,
    upload,
  });
  assert.throws(() => openUpload(detach(record, T0), upload, T0), coded("not_connected"));
});

pure("S-TRF-4 checkpoint() moves the durable offset up, never down, and renews the lease", () => {
  const open = openUpload(sample(), sampleUpload({ offset: 100 }), T0);
  const on = checkpoint(open, 150, T0 + 1000);
  assert.equal(on.upload?.offset, 150);
  assert.equal(on.leaseUntil, T0 + 1000 + LEASE);
  const lower = checkpoint(on, 120, T0 + 2000);
  assert.equal(lower.upload?.offset, 150);
  assert.equal(lower.version, 4);
  assert.throws(() => checkpoint(sample(), 1, T0), TypeError);
});

pure("S-SEQ-5 dropUpload() forgets the open file and its intent, and nothing else", () => {
  const intending = intend(openUpload(sample(), sampleUpload(), T0), INTENT, T0);
  assert.deepEqual(changes(intending, dropUpload(intending, T0 + 1)), {
    version: 4,
    lastActivityAt: T0 + 1,
    upload: null,
    intent: null,
  });
});

pure("S-SEQ-5 intend() writes the intent and nothing else", () => {
  const open = openUpload(sample(), sampleUpload(), T0);
  const intending = intend(open, INTENT, T0 + 1);
  assert.deepEqual(changes(open, intending), {
    version: 3,
    lastActivityAt: T0 + 1,
    intent: INTENT,
  });
});

pure("S-SEQ-5 intendWhole() opens a file and announces its end in one save", () => {
  const before = sample();
  const whole = sampleUpload();
  assert.deepEqual(
    intendWhole(before, whole, INTENT, T0 + 1),
    { ...openUpload(before, whole, T0 + 1), intent: INTENT },
  );
});

pure("S-SEQ execute() commits sequence, reply, upload and counters in one record", () => {
  const before = intend(openUpload(sample(), sampleUpload(), T0), INTENT, T0);
  const after = execute(before, sampleRun(1));
  assert.deepEqual(changes(before, after), {
    version: 4,
    leaseUntil: T0 + 1 + LEASE,
    lastActivityAt: T0 + 1,
    lastSequence: 1,
    ring: [{ sequence: 1, fingerprint: "f1", reply: { code: "ok", offset: 1 } }],
    upload: null,
    intent: null,
    messageCount: 1,
    totalBytes: 10,
    filesTransferred: 1,
  });
  const part = execute(
    after,
    sampleRun(2, { upload: sampleUpload(), storedBytes: 0, storedFiles: 0 }),
  );
  assert.equal(part.upload?.openedBy, 1);
  assert.deepEqual([part.messageCount, part.totalBytes, part.filesTransferred], [2, 10, 1]);
});

pure("S-SEQ execute() keeps max_inflight replies", () => {
  let record = sample();
  for (let i = 1; i <= 6; i++) record = execute(record, sampleRun(i));
  assert.deepEqual([...record.ring].map((kept) => kept.sequence), [3, 4, 5, 6]);
});

pure("execute() takes only the next sequence, and only while attached", () => {
  const record = execute(sample(), sampleRun(1));
  for (const wrong of [0, 1, 3]) {
    assert.throws(() => execute(record, sampleRun(wrong)), RangeError);
  }
  assert.throws(() => execute(detach(record, T0), sampleRun(2)), coded("not_connected"));
});

pure("S-SEQ-3 execute() of a disconnect closes the session and keeps its reply", () => {
  const open = openUpload(execute(sample(), sampleRun(1)), sampleUpload(), T0 + 2);
  const run = sampleRun(2, {
    input: "disconnect",
    reply: { code: "session_closed" },
    upload: sampleUpload(),
    storedBytes: 0,
    storedFiles: 0,
    now: T0 + 9,
  });
  const closed = execute(open, run);
  assert.equal(closed.state, "closed");
  assert.equal(closed.endedAt, T0 + 9);
  assert.equal(closed.instance, null);
  assert.equal(closed.upload, null);
  assert.equal(closed.lastSequence, 2);
  assert.equal(closed.ring.at(-1)?.reply.code, "session_closed");
  assert.throws(
    () => execute(closed, sampleRun(3)),
    coded("session_expired", { state: "closed" }),
  );
});

pure("S-CON-3 close() ends attached and detached sessions alike", () => {
  const open = openUpload(execute(sample(), sampleRun(1)), sampleUpload(), T0 + 2);
  for (const record of [sample(), open, detach(open, T0 + 3)]) {
    const closed = close(record, T0 + 9);
    assert.equal(closed.version, record.version + 1);
    assert.equal(closed.state, "closed");
    assert.equal(closed.endedAt, T0 + 9);
    assert.equal(closed.instance, null);
    assert.equal(closed.upload, null);
    assert.deepEqual(closed.ring, record.ring);
    assert.throws(() => close(closed, T0), coded("session_expired", { state: "closed" }));
  }
});

pure("S-CLK-1 expire() states the moment it happened, not the moment it was noticed", () => {
  const left = detach(openUpload(execute(sample(), sampleRun(1)), sampleUpload(), T0), T0 + 5);
  assert.deepEqual(changes(left, expire(left, T0 + 999_999)), {
    version: left.version + 1,
    state: "expired",
    endedAt: T0 + 5 + 300_000,
    ring: [],
    upload: null,
  });
});

pure("S-CLK-4 expire() ends an attached session of a dead server, counted from its lease", () => {
  const gone = expire(sample(), T0 + LEASE + 300_000);
  assert.equal(gone.state, "expired");
  assert.equal(gone.version, 2);
  assert.equal(gone.instance, null);
  assert.equal(gone.detachedAt, T0 + LEASE);
  assert.equal(gone.endedAt, T0 + LEASE + 300_000);
});

pure("S-CLK-3 expire() refuses what is attached, detached for less, or ended", () => {
  const left = detach(sample(), T0);
  assert.throws(() => expire(sample(), T0 + LEASE - 1), RangeError);
  assert.throws(() => expire(left, T0 + 299_999), RangeError);
  assert.throws(
    () => expire(expire(left, T0 + 300_000), T0 + 300_000),
    coded("session_expired", { state: "expired" }),
  );
});

pure("No change touches the record it was made from", () => {
  const open = openUpload(sample(), sampleUpload(), T0);
  const freeze = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    Object.values(Object.freeze(value)).forEach(freeze);
  };
  freeze(open);
  checkpoint(open, 5, T0);
  execute(open, sampleRun(1));
  attach(open, { ...TERMS, now: T0 });
  close(open, T0);
  detach(open, T0);
});
