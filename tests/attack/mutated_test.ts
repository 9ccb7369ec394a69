/**
 * Authenticated frames with random changes: none is taken for a user's. FXFER_ATTACK_FRAMES says how many;
 * a million take a few minutes.
 */
import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import { FrameMacs, Keyring, newKey } from "../../src/keys/mod.ts";
import { Decoder, encodeRequest } from "../../src/protocol/mod.ts";
import { Random } from "../helpers/random.ts";
import { shownConnect } from "../helpers/shown_connect.ts";

const FRAMES = Number(Deno.env.get("FXFER_ATTACK_FRAMES") ?? 20_000);
const SEED = Number(Deno.env.get("FXFER_ATTACK_SEED") ?? 12);

/** The bytes with one to four changes: a bit, a byte, a piece removed, repeated or moved. */
function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  let out = [...bytes];
  for (let changes = random.int(1, 4); changes > 0; changes--) {
    const at = random.int(0, out.length - 1);
    const length = random.int(1, 20);
    switch (random.int(0, 5)) {
      case 0:
        out[at]! ^= 1 << random.int(0, 7);
        break;
      case 1:
        out[at] = random.int(0, 255);
        break;
      case 2:
        out.splice(at, length);
        break;
      case 3:
        out.splice(at, 0, ...out.slice(at, at + length));
        break;
      case 4:
        out = [...out.slice(length), ...out.slice(0, length)];
        break;
      case 5:
        out.splice(at, 0, random.int(0x20, 0x7e));
    }
    if (out.length === 0) out.push(0);
  }
  return new Uint8Array(out);
}

/** Whether what was covered is in both cases the same: a change behind the frame is none of the frame. */
const begins = (bytes: Uint8Array, whole: Uint8Array) =>
  whole.length <= bytes.length && whole.every((byte, at) => bytes[at] === byte);

Deno.test(`S-KEY-2 S-MAC-1 of ${FRAMES} mutated frames none passes for a user's (seed ${SEED})`, () => {
  const random = new Random(SEED);
  const key = newKey("alice");
  const ring = new Keyring([{ key, can: ["put"], limits: {} }]);
  const connect = shownConnect(key, { mode: "stateful", wantMac: true });
  const salt = { nonce: "n".repeat(22), challenge: "c".repeat(43) };
  const request = {
    id: "0f8fad5b-d9cb-469f-a165-70867728950e",
    mode: "stateful",
    sequence: 1,
    action: "transfer",
    size: 5,
    sealed: true,
    mimeType: "text/plain",
    data: { name: "hello.txt", payloadSha256: "a".repeat(64) },
  } as const;
  const frame = new FrameMacs(key.secret, salt, "client", 1, 1).seal(encodeRequest(request));
  const seen = {
    proven: 0,
    unchanged: 0,
    unauthorized: 0,
    replay_detected: 0,
    unreadable: 0,
    plain: 0,
  };
  const server = () => new FrameMacs(key.secret, salt, "server", 1, 1);

  for (let n = 0; n < FRAMES; n++) {
    const original = n % 2 === 0 ? connect : frame;
    const bytes = mutated(original, random);
    const [event] = new Decoder().push(bytes);
    if (event?.type !== "request") {
      seen.unreadable++;
      continue;
    }
    const { header: { session: { auth, mac } }, signed } = event.request;
    try {
      if (auth !== undefined) ring.prove(auth, auth.mac, signed!, Date.now());
      else if (mac !== undefined) server().check(mac, signed);
      else {
        seen.plain++;
        continue;
      }
      if (begins(bytes, original)) seen.unchanged++;
      else {
        seen.proven++;
        assert.fail(`frame ${n}: ${JSON.stringify(new TextDecoder("latin1").decode(bytes))}`);
      }
    } catch (error) {
      if (!(error instanceof FxferError)) throw error;
      if (error.code === "malformed_header") seen.unreadable++;
      else seen[error.code as "unauthorized" | "replay_detected"]++;
    }
  }
  assert.equal(seen.proven, 0);
  // The changes reach every way out, or the test would not look where it should.
  for (const [way, count] of Object.entries(seen)) {
    if (way !== "proven") assert.ok(count > 0, `${way}: ${JSON.stringify(seen)}`);
  }
});
