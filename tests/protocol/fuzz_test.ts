import assert from "node:assert/strict";
import { type DecodeEvent, Decoder } from "../../src/protocol/mod.ts";
import { Random } from "../helpers/random.ts";
import { concat, utf8 } from "../helpers/raw_frame.ts";
import { frame, header, ID } from "./helpers.ts";

const COUNT = 100_000;
const SEED = 0x5eed;

/** What each kind of event may follow. */
const AFTER: Readonly<Record<string, readonly string[]>> = {
  request: ["start", "end"],
  reply: ["start", "end"],
  v1: ["start", "end"],
  payload: ["request", "v1", "reply", "payload"],
  end: ["request", "v1", "reply", "payload"],
  fault: ["start", "end", "request", "v1", "reply", "payload"],
};

const SEEDS = [
  header({ size: "3" }) + "abc",
  header() + header({}, { action: '"heartbeat"', id: `"${ID}"`, mode: '"stateful"' }),
  frame("transfer", `{"upload_id":"${ID}","name":"a","length":3,"offset":0}`, { size: "3" }) +
  "abc",
  frame("connect", '{"want_token":true,"keepalive_s":30,"crit":["token"],"fallback":"stateless"}'),
  '{"mime_type":"image/png","size":2}\nab{"mime_type":"text/plain","size":0}\n',
  frame("transfer", '{"code":"ok","class":"success","message":"stored","offset":1}\n'),
].map(utf8);

/** Pieces that mean something to the decoder: a mutation puts one anywhere. */
const PIECES = ["\n", "\r\n", "{", "}", "[", "]", ":", ",", '"', "\\", "\\u0000", "\\ud800", "\0"]
  .concat([
    "-1",
    "01",
    "1e3",
    "9007199254740993",
    "null",
    "true",
    '"a":1,"a":2',
    "__proto__",
    "é😀",
  ])
  .concat([
    '"version":"2.0",',
    '"version":"3.0",',
    '"data_size":',
    '"size":',
    "\ufeff",
    "[[[[[[[[[",
  ])
  .map(utf8).concat(new Uint8Array([0xff]), new Uint8Array([0xed, 0xa0, 0x80]));

function mutate(seed: Uint8Array, random: Random): Uint8Array {
  const pick = (limit: number) => random.int(0, limit - 1);
  let frame = seed;
  for (let rounds = 1 + pick(3); rounds > 0; rounds--) {
    const at = pick(frame.length + 1);
    const to = Math.min(frame.length, at + pick(12));
    const piece = PIECES[pick(PIECES.length)] ?? new Uint8Array();
    const [head, tail] = [frame.subarray(0, at), frame.subarray(at)];
    switch (pick(6)) {
      case 0: // a piece goes in
        frame = concat(head, piece, tail);
        break;
      case 1: // a piece replaces something
        frame = concat(head, piece, frame.subarray(to));
        break;
      case 2: // something is lost
        frame = concat(head, frame.subarray(to));
        break;
      case 3: // something is said twice
        frame = concat(head, frame.subarray(at, to), tail);
        break;
      case 4: // a bit flips
        frame = frame.slice();
        if (at < frame.length) frame[at] = (frame[at] ?? 0) ^ (1 << pick(8));
        break;
      default: // the stream ends early or another frame follows
        frame = pick(2) ? head : concat(frame, SEEDS[pick(SEEDS.length)] ?? piece);
    }
  }
  return frame;
}

/** Decodes in random cuts and checks what holds for any bytes; returns the last event's type. */
function run(stream: Uint8Array, client: boolean, random: Random): string {
  const decoder = new Decoder({ role: client ? "client" : "server" });
  let last = "start";
  let payload = 0;
  let failed = false;
  const see = (event: DecodeEvent) => {
    assert.ok(!failed, "nothing follows a fault");
    assert.ok(AFTER[event.type]?.includes(last), `${event.type} after ${last}`);
    if (event.type === "request") payload = event.request.header.size;
    else if (event.type === "reply") payload = event.reply.header.size;
    else if (event.type === "v1") payload = event.header.size;
    else if (event.type === "payload") payload -= event.bytes.length;
    else if (event.type === "end") assert.equal(payload, 0);
    failed = event.type === "fault";
    last = event.type;
  };
  const step = random.int(0, 1) === 0 ? stream.length : random.int(1, 40);
  for (let at = 0; at < stream.length; at += step) {
    for (const event of decoder.push(stream.subarray(at, at + step))) see(event);
    if (!failed) assert.equal(decoder.payloadRemaining, payload);
  }
  const final = decoder.end();
  if (final !== undefined) see(final);
  const settled = failed || decoder.atBoundary || decoder.payloadRemaining > 0;
  assert.ok(settled, "ends at a boundary, in a payload or in one fault");
  return last;
}

Deno.test({
  name: `Decoder.push() never throws for ${COUNT} mutated frames and ends in events or one fault`,
  permissions: "none",
  fn() {
    const random = new Random(SEED);
    const ends: Record<string, number> = {};
    for (let count = 0; count < COUNT; count++) {
      const stream = mutate(SEEDS[count % SEEDS.length] ?? new Uint8Array(), random);
      try {
        const last = run(stream, count % SEEDS.length === 5, random);
        ends[last] = (ends[last] ?? 0) + 1;
      } catch (cause) {
        throw new Error(`seed ${SEED}, frame ${count}: ${stream.toHex()}`, { cause });
      }
    }
    // Mutations that only ever break a frame would test one path alone.
    assert.ok((ends.end ?? 0) > COUNT / 20 && (ends.fault ?? 0) > COUNT / 20, JSON.stringify(ends));
  },
});
