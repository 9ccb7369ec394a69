/** Checks of frames, versions and stateless uploads (S-FRM, S-VER, S-TRF). @module */
import { type Check, expect, expectCode, NotOffered, type ServerUnderTest } from "./check.ts";
import { frame, type Json, type Parts, type ProbeClient } from "./probe_client.ts";

/** SHA-256 of "hello". */
const HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/** Makes a check that runs on a connection of its own. */
const check = (
  rule: string,
  promise: string,
  run: (peer: ProbeClient, target: ServerUnderTest) => Promise<string>,
): Check => ({
  rule,
  promise,
  run: async (target) => await run(await target.open(), target),
});

/** Makes a check that sends one request, and expects an answer with this code and these fields. */
const answered = (rule: string, promise: string, parts: Parts, code: string, fields?: Json) =>
  check(rule, promise, async (peer) => expectCode(await peer.ask(parts), code, fields));

/** Makes a check that sends bytes which are no frame: a refusal and the end must follow (S-VER-6). */
const refused = (rule: string, promise: string, sent: string | Uint8Array, code: string) =>
  check(rule, promise, async (peer) => {
    await peer.send(sent);
    const seen = expectCode(await peer.answer(), code);
    await peer.halfClose();
    expect(await peer.ended(), `${seen}, and the connection stays open`);
    return `${seen}, then closed`;
  });

/** An empty upload with this text where its size belongs. */
const sized = (text: string) => frame({ payload: "" }).replace('"size":0', `"size":${text}`);

/** The checks, in the order of the contract. */
export const FRAME_CHECKS: readonly Check[] = [
  check("replies", "a reply echoes its request, and is readable text", async (peer) => {
    const { header, data, text } = await peer.ask({ payload: "hello", sequence: 7 });
    const { id, mode, sequence, action } = header.session;
    const echo = `${id} ${mode} ${sequence} ${action}`;
    expect(echo === "null stateless 7 transfer", `echoed ${echo}`);
    expect(header.size === 0 && header.mime_type === "application/json", "another header");
    expect(text.endsWith("}\n"), "session data without a line feed at its end");
    expect(data.class === "success" && typeof data.message === "string", "no class or message");
    return `${data.code}, ${text.length} bytes`;
  }),
  check("replies", "20 pipelined requests get 20 replies in order", async (peer) => {
    const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
    await peer.send(numbers.map((sequence) => frame({ sequence, payload: "x" })).join(""));
    for (const wanted of numbers) {
      const { header: { session }, data } = await peer.answer();
      expect(session.sequence === wanted, `reply ${session.sequence} for ${wanted}`);
      expect(data.code === "ok", data.code);
    }
    return "20 in order";
  }),
  ...["1e3", "1.0", "-0", '"10"', "true", "01", "9007199254740992"].map((text) =>
    refused("S-FRM-1", `size ${text} is no size`, sized(text), "invalid_field")
  ),
  refused("S-FRM-2", "a key twice in a header", sized('0,"size":0'), "malformed_header"),
  refused(
    "S-FRM-2",
    "bytes that are no UTF-8",
    new Uint8Array([0x7b, 0xff, 0xfe, 0x7d, 10]),
    "malformed_header",
  ),
  refused("S-FRM-3", "a key named __proto__", sized('0,"__proto__":{}'), "malformed_header"),
  answered(
    "S-FRM-4",
    "unknown keys are ignored",
    { payload: "x", extra: { later: 1 }, data: { new: true } },
    "ok",
  ),
  answered(
    "S-FRM-4",
    "unknown keys listed in crit are refused",
    { payload: "x", data: { seal: 1, crit: ["seal"] } },
    "unsupported_feature",
    { name: "seal" },
  ),
  check("S-FRM-5", "parameters of a media type are dropped", async (peer) => {
    const { data } = await peer.ask({ payload: "x", mime: "text/plain; charset=utf-8" });
    expect(data.file?.mime_type === "text/plain", `${data.code} ${data.file?.mime_type}`);
    return "text/plain";
  }),
  refused(
    "S-FRM-6",
    "a header without an end is refused at 16384 bytes",
    "x".repeat(16_385),
    "header_too_long",
  ),
  check("S-TRF-5", "the sha256 of what is stored is told", async (peer) => {
    const { data } = await peer.ask({ payload: "hello" });
    expect(data.file?.sha256 === HELLO && data.file.size === 5, JSON.stringify(data.file));
    return "that of hello";
  }),
  answered(
    "S-TRF-5",
    "a wrong sha256 publishes nothing",
    { payload: "hullo", data: { sha256: HELLO } },
    "checksum_mismatch",
  ),
  check(
    "S-TRF-6",
    "an end before all bytes is told, although only half is closed",
    async (peer) => {
      await peer.send(frame({ payload: "hel", size: 5 }));
      await peer.halfClose();
      return expectCode(await peer.answer(), "incomplete");
    },
  ),
  check("S-TRF-8", "a refused payload is read away, and the connection goes on", async (peer) => {
    const refusal = await peer.ask({ payload: "x", data: { crit: ["no"] } });
    const seen = expectCode(refusal, "unsupported_feature");
    return `${seen}, then ${expectCode(await peer.ask({ payload: "hello" }), "ok")}`;
  }),
  check("S-TRF-9", "an upload_id seen before stores nothing again", async (peer, target) => {
    const parts = { payload: "hello", data: { upload_id: crypto.randomUUID(), sha256: HELLO } };
    const first = await peer.ask(parts);
    const second = await (await target.open()).ask(parts);
    const seen = expectCode(second, "ok", { replayed: true });
    expect(first.data.file?.path === second.data.file?.path, "another file");
    return seen;
  }),
  check("S-VER-1", "an unknown version is refused with those that are known", async (peer) => {
    const answer = await peer.ask({ version: "3.0", payload: "" });
    const seen = expectCode(answer, "unsupported_version");
    expect(answer.data.supported?.includes("2.0"), "without supported");
    return `${seen}, supported ${answer.data.supported.join(" ")}`;
  }),
  refused(
    "S-VER-1",
    "HTTP gets a readable refusal",
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "malformed_header",
  ),
  check("S-VER-1", "version 1 after version 2 is refused", async (peer) => {
    expectCode(await peer.ask({ payload: "x" }), "ok");
    await peer.send('{"mime_type":"text/plain","size":1}\nx');
    return expectCode(await peer.answer(), "protocol_error");
  }),
  check("S-VER-2", "version 2.9 is answered in the lower minor", async (peer) => {
    const { header: { version }, data } = await peer.ask({ version: "2.9", payload: "x" });
    expect(data.code === "ok" && /^2\.[0-8]$/.test(version), `${data.code} ${version}`);
    return version;
  }),
  check("S-VER-3", "version 1 hears nothing before its end, then a line a file", async (peer) => {
    await peer.send(
      '{"mime_type":"text/plain","size":1}\nx{"mime_type":"text/plain","size":2}\nyz',
    );
    if (await peer.speaksWithin(300)) throw new NotOffered("answered before the end, or off");
    await peer.halfClose();
    const lines = (await peer.untilEnd()).trimEnd().split("\n");
    expect(lines.length === 2 && lines.every((line) => line.startsWith("OK")), lines.join(" | "));
    return "2 lines after the end";
  }),
];
