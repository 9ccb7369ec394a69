/** The codes of keys.json, as this project and as Python's own library compute them. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  connectKey,
  type End,
  FrameMacs,
  isRight,
  MacKey,
  parseKey,
  placeOf,
} from "../../src/keys/mod.ts";
import { Decoder } from "../../src/protocol/mod.ts";
import keys from "./keys.json" with { type: "json" };

const { secret } = parseKey(keys.key);
const { nonce, challenge } = keys;

Deno.test("S-KEY-1 S-KEY-2 a key's secret, and the keys of connects, are those of the vectors", () => {
  assert.equal(secret.toHex(), keys.secret);
  const frame = { bytes: new TextEncoder().encode(".".repeat(43)) };
  for (const end of ["client", "server"] as const) {
    const expected = new MacKey(Uint8Array.fromHex(keys.keys[`${end}_connect`]));
    assert.equal(connectKey(secret, end).macOf(frame, 0), expected.macOf(frame, 0));
  }
});

for (const { what, by, key, tail, frame, mac } of keys.frames) {
  const bytes = new TextEncoder().encode(frame);
  const covered = { bytes, line: bytes.indexOf(0x0a) };

  Deno.test(`S-KEY-2 the code of ${what} is that of the vector`, () => {
    const at = placeOf(mac, covered);
    const macKey = new MacKey(Uint8Array.fromHex(key));
    // The nonce stands there as it was sent.
    const bytesOrText = tail.length > 16
      ? new TextDecoder().decode(Uint8Array.fromHex(tail))
      : Uint8Array.fromHex(tail);
    assert.equal(macKey.macOf(covered, at, bytesOrText), mac);
    assert.ok(isRight(macKey, covered, mac, at, bytesOrText));
  });

  Deno.test(`S-KEY-2 the decoder hands out ${what} as it was sent, wherever it is cut`, () => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const decoder = new Decoder({ role: by === "client" ? "server" : "client" });
      const [event] = [...decoder.push(bytes.slice(0, cut)), ...decoder.push(bytes.slice(cut))];
      const got = event?.type === "request"
        ? event.request
        : event?.type === "reply"
        ? event.reply
        : assert.fail(`${event?.type} after a cut at ${cut}`);
      assert.deepEqual(got.signed, covered);
      const { auth, mac: own } = got.header.session;
      assert.equal(auth?.mac ?? own, mac);
    }
  });
}

Deno.test("S-MAC-1 both ends take each other's frames of the vectors, in their place alone", () => {
  const salt = { nonce, challenge };
  const [, , ofClient, ofServer] = keys.frames;
  const covered = (frame: string) => {
    const bytes = new TextEncoder().encode(frame);
    return { bytes, line: bytes.indexOf(0x0a) };
  };
  const other: Record<End, End> = { client: "server", server: "client" };
  for (const { by, mac, frame } of [ofClient!, ofServer!]) {
    const end = other[by as End];
    new FrameMacs(secret, salt, end, 1, 1).check(mac, covered(frame));
    for (const received of [0, 2]) {
      const elsewhere = new FrameMacs(secret, salt, end, 1, received);
      assert.throws(() => elsewhere.check(mac, covered(frame)), { code: "replay_detected" });
    }
    const turned = new FrameMacs(secret, salt, by as End, 1, 1);
    assert.throws(() => turned.check(mac, covered(frame)), { code: "replay_detected" });
  }
});

Deno.test({
  name: "Python's own library computes the same codes",
  ignore: !await new Deno.Command("python3", { args: ["--version"] }).output()
    .then(({ success }) => success, () => false),
  async fn() {
    const script = fileURLToPath(new URL("keys.py", import.meta.url));
    const { success, stdout, stderr } = await new Deno.Command("python3", { args: [script] })
      .output();
    assert.ok(success, new TextDecoder().decode(stderr));
    assert.equal(new TextDecoder().decode(stdout), `${keys.frames.length} frames\n`);
  },
});
