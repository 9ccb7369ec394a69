/** What a client shows, and how it is judged (S-KEY-2, S-KEY-3). @module */
import assert from "node:assert/strict";
import {
  CLOCK_TOLERANCE_MS,
  connectKey,
  type KeyLine,
  Keyring,
  MemoryLedger,
  mustBeNew,
  newKey,
  placeOf,
  seal,
} from "../../src/keys/mod.ts";
import { encodeRequest } from "../../src/protocol/mod.ts";

const pure = { permissions: "none" } as const;

const NOW = 1_800_000_000_000;
const nonceOf = (n: number) => n.toString(36).padStart(22, "A");
const alice: KeyLine = { key: newKey("alice"), can: ["put"], limits: {} };

/** A connect as a client sends it. */
function shown(name: string, secret: Uint8Array, time = NOW, nonce = nonceOf(1)) {
  const auth = { key: name, nonce, time };
  const request = { id: null, mode: "stateless", sequence: 0, action: "connect", auth } as const;
  const bytes = seal(encodeRequest(request), connectKey(secret, "client"));
  const line = bytes.indexOf(0x0a);
  const { mac } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, line))).session.auth;
  return { auth, mac: mac as string, signed: { bytes, line } };
}

const prove = (ring: Keyring, { auth, mac, signed }: ReturnType<typeof shown>, now = NOW) =>
  ring.prove(auth, mac, signed, now);

Deno.test("S-KEY-2 a connect is its user's if the MAC is right, and nobody's else", pure, () => {
  const ring = new Keyring([alice]);
  const connect = shown("alice", alice.key.secret);
  assert.equal(prove(ring, connect).user.name, "alice");
  assert.throws(() => prove(ring, shown("alice", newKey("alice").secret)), {
    code: "unauthorized",
  });
  assert.throws(() => prove(ring, shown("bob", alice.key.secret)), { code: "unauthorized" });
  assert.throws(() => prove(new Keyring(), connect), { code: "unauthorized" });
});

Deno.test("S-KEY-2 a connect with one bit changed is refused, in every byte of it", pure, () => {
  const ring = new Keyring([alice]);
  const { auth, mac, signed } = shown("alice", alice.key.secret);
  for (let at = 0; at < signed.bytes.length; at++) {
    const bytes = signed.bytes.slice();
    bytes[at]! ^= 1;
    const inMac = at >= placeOf(mac, signed) && at < placeOf(mac, signed) + 43;
    const changed = inMac
      ? new TextDecoder().decode(bytes.subarray(placeOf(mac, signed))).slice(0, 43)
      : mac;
    const code = /malformed_header|unauthorized/;
    assert.throws(
      () => ring.prove(auth, changed, { bytes, line: signed.line }, NOW),
      (error: { code?: string }) => code.test(error.code ?? ""),
      `byte ${at}`,
    );
  }
});

Deno.test("S-KEY-2 the last character of a MAC has one right form, not four", pure, () => {
  const ring = new Keyring([alice]);
  const { auth, mac, signed } = shown("alice", alice.key.secret);
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (let low = 1; low < 4; low++) {
    const other = mac.slice(0, -1) + alphabet[alphabet.indexOf(mac.at(-1)!) ^ low];
    const bytes = signed.bytes.slice();
    bytes.set(new TextEncoder().encode(other), placeOf(mac, signed));
    assert.throws(() => ring.prove(auth, other, { bytes, line: signed.line }, NOW), {
      code: "unauthorized",
    });
  }
});

Deno.test("S-KEY-2 a MAC that stands twice in its line is malformed", pure, () => {
  const { auth, mac, signed } = shown("alice", alice.key.secret);
  const text = new TextDecoder().decode(signed.bytes);
  for (const line of [text.replace(mac, "?"), text.replace("}}\n", `},"x":"${mac}"}\n`)]) {
    const bytes = new TextEncoder().encode(line);
    assert.throws(
      () => new Keyring([alice]).prove(auth, mac, { bytes, line: bytes.indexOf(0x0a) }, NOW),
      { code: "malformed_header" },
    );
  }
});

Deno.test(
  "S-KEY-6 an expired key is no key, and neither is an old one after its time",
  pure,
  () => {
    const old = { secret: newKey("alice").secret, until: NOW + 10 };
    const ring = new Keyring([{ ...alice, until: NOW + 20, old }]);
    assert.equal(prove(ring, shown("alice", old.secret), NOW).user.name, "alice");
    assert.throws(() => prove(ring, shown("alice", old.secret), NOW + 10), {
      code: "unauthorized",
    });
    const proof = prove(ring, shown("alice", alice.key.secret), NOW + 19);
    assert.throws(() => prove(ring, shown("alice", alice.key.secret), NOW + 20), {
      code: "unauthorized",
    });
    assert.equal(ring.current(proof, NOW + 19)?.name, "alice");
    assert.equal(ring.current(proof, NOW + 20), undefined);
  },
);

Deno.test(
  "S-KEY-3 a time is within 300 s, and a nonce is seen once in that time",
  pure,
  async () => {
    const ledger = new MemoryLedger(NOW - 1_000_000);
    const auth = (nonce: number, time = NOW) => ({ key: "alice", nonce: nonceOf(nonce), time });
    for (const off of [-CLOCK_TOLERANCE_MS - 1, CLOCK_TOLERANCE_MS + 1]) {
      assert.throws(
        () => mustBeNew(auth(1, NOW + off), ledger, NOW),
        (error: { code?: string; fields?: { server_time?: number } }) =>
          error.code === "clock_skew" && error.fields?.server_time === NOW,
      );
    }
    for (const off of [-CLOCK_TOLERANCE_MS, 0, CLOCK_TOLERANCE_MS]) {
      await mustBeNew(auth(10 + off, NOW + off), ledger, NOW);
      // Until its own time is over, whenever it is sent again.
      for (const later of [0, CLOCK_TOLERANCE_MS + off]) {
        const again = () => mustBeNew(auth(10 + off, NOW + off), ledger, NOW + later);
        assert.throws(again, { code: "replay_detected" }, `${off} ${later}`);
      }
    }
  },
);

Deno.test("S-KEY-3 a register in memory takes nothing from before its start", pure, () => {
  const ledger = new MemoryLedger(NOW);
  assert.throws(
    () => mustBeNew({ key: "alice", nonce: nonceOf(1), time: NOW - 7 }, ledger, NOW + 5),
    (error: { code?: string; fields?: { retry_after_ms?: number } }) =>
      error.code === "busy" && error.fields?.retry_after_ms === 7,
  );
  mustBeNew({ key: "alice", nonce: nonceOf(1), time: NOW }, ledger, NOW + 5);
});

Deno.test(
  "S-KEY-3 a full register refuses, forgets nothing early, and has room for others",
  pure,
  () => {
    const ledger = new MemoryLedger(0);
    let taken = 0;
    const fill = (user: string) => {
      try {
        for (;; taken++) ledger.takeNonce(user, nonceOf(taken), NOW + 1000, NOW);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "busy");
      }
    };
    fill("alice");
    assert.equal(taken, 100_000);
    assert.equal(ledger.takeNonce("alice", nonceOf(0), NOW + 1000, NOW + 999), false);
    assert.equal(ledger.takeNonce("bob", "b".repeat(22), NOW + 1000, NOW), true);
    fill("bob");
    assert.throws(() => ledger.takeNonce("carol", "c".repeat(22), NOW + 1000, NOW), {
      code: "busy",
    });
    // When their time is over, there is room again.
    assert.equal(ledger.takeNonce("carol", "c".repeat(22), NOW + 30_000, NOW + 20_000), true);
  },
);
