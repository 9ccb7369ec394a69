/** The codes of keys.json, as this project and as Python's own library compute them. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  connectKey,
  type End,
  FrameMacs,
  isRight,
  macOf,
  parseKey,
  placeOf,
} from "../../src/keys/mod.ts";
import { Decoder } from "../../src/protocol/mod.ts";
import keys from "./keys.json" with { type: "json" };

const { secret } = parseKey(keys.key);
const { nonce, challenge } = keys;

Deno.test("S-KEY-1 S-KEY-2 a key's secret, and the keys of connects, are those of the vectors", () => {
  assert.equal(secret.toHex(), keys.secret);
  assert.equal(connectKey(secret, "client").toHex(), keys.keys.client_connect);
  assert.equal(connectKey(secret, "server").toHex(), keys.keys.server_connect);
});

for (const { what, by, key, tail, frame, mac } of keys.frames) {
  const bytes = new TextEncoder().encode(frame);
  const covered = { bytes, line: bytes.indexOf(0x0a) };

  Deno.test(`S-KEY-2 the code of ${what} is that of the vector`, () => {
    const at = placeOf(mac, covered);
    const [keyBytes, tailBytes] = [Uint8Array.fromHex(key), Uint8Array.fromHex(tail)];
    assert.equal(macOf(keyBytes, covered, at, tailBytes), mac);
    assert.ok(isRight(keyBytes, covered, mac, at, tailBytes));
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
