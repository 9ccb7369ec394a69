/** The pure parts of the hot path: `deno bench tests/bench/protocol_bench.ts`. @module */
import { Decoder, encodeReply, encodeRequest } from "../../src/protocol/mod.ts";
import { concat } from "../helpers/raw_frame.ts";

const ID = "3f2b8c1e-9d4a-4c6b-8e1f-0a2b3c4d5e6f";
const stateful = { id: ID, mode: "stateful", sequence: 12, action: "transfer" } as const;
const stateless = { id: null, mode: "stateless", sequence: 1, action: "transfer" } as const;

const headerOnly = encodeRequest({ ...stateless, mimeType: "image/png" });
const v1 = new TextEncoder().encode('{"mime_type":"image/png","size":0}\n');
const small = concat(
  encodeRequest({
    ...stateful,
    mimeType: "image/png",
    size: 1024,
    data: { uploadId: ID, name: "holiday.png", length: 1024, sha256: "ab".repeat(32) },
  }),
  new Uint8Array(1024),
);
const fifty = concat(...Array.from({ length: 50 }, () => small));
const payload = encodeRequest({ ...stateless, size: Number.MAX_SAFE_INTEGER });
const chunk = new Uint8Array(65536);

const headers = new Decoder();
const v1Headers = new Decoder();
const frames = new Decoder();
const bytewise = new Decoder();
const payloads = new Decoder();
payloads.push(payload);

Deno.bench("decode a v2 header", () => {
  headers.push(headerOnly);
});
Deno.bench("decode a v1 header", () => {
  v1Headers.push(v1);
});
Deno.bench("decode a frame with session data and 1 KiB", () => {
  frames.push(small);
});
Deno.bench("decode 50 such frames in one chunk", () => {
  frames.push(fifty);
});
Deno.bench("decode such a frame byte by byte", () => {
  for (let at = 0; at < small.length; at++) bytewise.push(small.subarray(at, at + 1));
});
Deno.bench("pass 64 KiB of payload on", () => {
  payloads.push(chunk);
});

const file = {
  path: `session_${ID}/file_12_20250101T000000000Z.png`,
  size: 1024,
  sha256: "ab".repeat(32),
  mime_type: "image/png",
};
Deno.bench("encode a reply", () => {
  encodeReply(stateful, { code: "ok", file, durability: "process" });
});
Deno.bench("encode a request with session data", () => {
  encodeRequest({ ...stateful, size: 1024, data: { uploadId: ID, name: "holiday.png" } });
});
