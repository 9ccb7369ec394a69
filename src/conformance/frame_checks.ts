/** Checks of frames, versions and stateless uploads (S-FRM, S-VER, S-TRF). @module */
import { type Check, expect, expectCode, NotOffered, type ServerUnderTest } from "./check.ts";
import { frame, type Parts } from "./probe_client.ts";

/** SHA-256 of "hello". */
const HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/** Sends what cannot be framed, and expects a refusal and the end of the connection (S-VER-6). */
async function refused(
  target: ServerUnderTest,
  what: string | Uint8Array,
  code: string,
): Promise<string> {
  using peer = await target.open();
  await peer.send(what);
  const seen = expectCode(await peer.answer(), code);
  await peer.halfClose();
  expect(await peer.ended(), `${seen}, and the connection stays open`);
  return `${seen}, then closed`;
}

/** Asks for one thing over a connection of its own. */
async function askOnce(target: ServerUnderTest, parts: Parts) {
  using peer = await target.open();
  return await peer.ask(parts);
}

/** The header of an empty upload; `@` stands where its size belongs. */
const EMPTY_UPLOAD = frame({ payload: "" }).replace(/"size":0/, '"size":@');

/** The checks, in the order of the contract. */
export const FRAME_CHECKS: readonly Check[] = [
  {
    rule: "replies",
    promise: "a reply echoes its request, and is readable text",
    run: async (target) => {
      const { header, data, text } = await askOnce(target, { payload: "hello", sequence: 7 });
      const { id, mode, sequence, action } = header.session;
      const echo = `${id} ${mode} ${sequence} ${action}`;
      expect(echo === "null stateless 7 transfer", `echoed ${echo}`);
      expect(header.size === 0 && header.mime_type === "application/json", "another header");
      expect(text.endsWith("}\n"), "session data without a line feed at its end");
      expect(data.class === "success" && typeof data.message === "string", "no class or message");
      return `${data.code}, ${text.length} bytes`;
    },
  },
  {
    rule: "replies",
    promise: "20 pipelined requests get 20 replies in order",
    run: async (target) => {
      using peer = await target.open();
      const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
      await peer.send(numbers.map((sequence) => frame({ sequence, payload: "x" })).join(""));
      for (const wanted of numbers) {
        const { header, data } = await peer.answer();
        expect(
          header.session.sequence === wanted,
          `reply ${header.session.sequence} for ${wanted}`,
        );
        expect(data.code === "ok", data.code);
      }
      return "20 in order";
    },
  },
  ...["1e3", "1.0", "-0", '"10"', "true", "01", "9007199254740992"].map((text): Check => ({
    rule: "S-FRM-1",
    promise: `size ${text} is no size`,
    run: (target) => refused(target, EMPTY_UPLOAD.replace("@", text), "invalid_field"),
  })),
  {
    rule: "S-FRM-2",
    promise: "a key twice in a header",
    run: (target) => refused(target, EMPTY_UPLOAD.replace("@", '0,"size":0'), "malformed_header"),
  },
  {
    rule: "S-FRM-2",
    promise: "bytes that are no UTF-8",
    run: (target) =>
      refused(target, new Uint8Array([0x7b, 0xff, 0xfe, 0x7d, 10]), "malformed_header"),
  },
  {
    rule: "S-FRM-3",
    promise: "a key named __proto__",
    run: (target) =>
      refused(target, EMPTY_UPLOAD.replace("@", '0,"__proto__":{}'), "malformed_header"),
  },
  {
    rule: "S-FRM-4",
    promise: "unknown keys are ignored",
    run: async (target) =>
      expectCode(
        await askOnce(target, { payload: "x", extra: { later: 1 }, data: { new: true } }),
        "ok",
      ),
  },
  {
    rule: "S-FRM-4",
    promise: "unknown keys listed in crit are refused",
    run: async (target) =>
      expectCode(
        await askOnce(target, { payload: "x", data: { seal: 1, crit: ["seal"] } }),
        "unsupported_feature",
        { name: "seal" },
      ),
  },
  {
    rule: "S-FRM-5",
    promise: "parameters of a media type are dropped",
    run: async (target) => {
      const { data } = await askOnce(target, { payload: "x", mime: "text/plain; charset=utf-8" });
      expect(data.file?.mime_type === "text/plain", `${data.code} ${data.file?.mime_type}`);
      return "text/plain";
    },
  },
  {
    rule: "S-FRM-6",
    promise: "a header without an end is refused at 16384 bytes",
    run: (target) => refused(target, "x".repeat(16_385), "header_too_long"),
  },
  {
    rule: "S-TRF-5",
    promise: "the sha256 of what is stored is told",
    run: async (target) => {
      const { data } = await askOnce(target, { payload: "hello" });
      expect(data.file?.sha256 === HELLO && data.file.size === 5, JSON.stringify(data.file));
      return "that of hello";
    },
  },
  {
    rule: "S-TRF-5",
    promise: "a wrong sha256 publishes nothing",
    run: async (target) =>
      expectCode(
        await askOnce(target, { payload: "hullo", data: { sha256: HELLO } }),
        "checksum_mismatch",
      ),
  },
  {
    rule: "S-TRF-6",
    promise: "an end before all bytes is told, although only half is closed",
    run: async (target) => {
      using peer = await target.open();
      await peer.send(frame({ payload: "hel", size: 5 }));
      await peer.halfClose();
      return expectCode(await peer.answer(), "incomplete");
    },
  },
  {
    rule: "S-TRF-8",
    promise: "a refused payload is read away, and the connection goes on",
    run: async (target) => {
      using peer = await target.open();
      const seen = expectCode(
        await peer.ask({ payload: "x", data: { crit: ["no"] } }),
        "unsupported_feature",
      );
      return `${seen}, then ${expectCode(await peer.ask({ payload: "hello" }), "ok")}`;
    },
  },
  {
    rule: "S-TRF-9",
    promise: "an upload_id seen before stores nothing again",
    run: async (target) => {
      const parts = { payload: "hello", data: { upload_id: crypto.randomUUID(), sha256: HELLO } };
      const first = await askOnce(target, parts);
      const second = await askOnce(target, parts);
      const seen = expectCode(second, "ok", { replayed: true });
      expect(first.data.file?.path === second.data.file?.path, "another file");
      return seen;
    },
  },
  {
    rule: "S-VER-1",
    promise: "an unknown version is refused with those that are known",
    run: async (target) => {
      const answer = await askOnce(target, { version: "3.0", payload: "" });
      const seen = expectCode(answer, "unsupported_version");
      expect(answer.data.supported?.includes("2.0"), "without supported");
      return `${seen}, supported ${answer.data.supported.join(" ")}`;
    },
  },
  {
    rule: "S-VER-1",
    promise: "HTTP gets a readable refusal",
    run: async (target) => {
      using peer = await target.open();
      await peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      return expectCode(await peer.answer(), "malformed_header");
    },
  },
  {
    rule: "S-VER-1",
    promise: "version 1 after version 2 is refused",
    run: async (target) => {
      using peer = await target.open();
      expectCode(await peer.ask({ payload: "x" }), "ok");
      await peer.send('{"mime_type":"text/plain","size":1}\nx');
      return expectCode(await peer.answer(), "protocol_error");
    },
  },
  {
    rule: "S-VER-2",
    promise: "version 2.9 is answered in the lower minor",
    run: async (target) => {
      const { header, data } = await askOnce(target, { version: "2.9", payload: "x" });
      expect(
        data.code === "ok" && /^2\.[0-8]$/.test(header.version),
        `${data.code} ${header.version}`,
      );
      return header.version;
    },
  },
  {
    rule: "S-VER-3",
    promise: "version 1 hears nothing before its end, then a line a file",
    run: async (target) => {
      using peer = await target.open();
      await peer.send(
        '{"mime_type":"text/plain","size":1}\nx{"mime_type":"text/plain","size":2}\nyz',
      );
      if (await peer.speaksWithin(300)) throw new NotOffered("answered before the end, or off");
      await peer.halfClose();
      const lines = (await peer.untilEnd()).trimEnd().split("\n");
      expect(lines.length === 2 && lines.every((line) => line.startsWith("OK")), lines.join(" | "));
      return "2 lines after the end";
    },
  },
];
