import assert from "node:assert/strict";
import { pure as test } from "../helpers/pure.ts";
import { accepts, dataOf, decode, frame, header, ID, refuses } from "./helpers.ts";

test("session data over its cap is too_large before it is read, not JSON is malformed", () => {
  const fault = decode([header({}, { data_size: "65537" })])[0];
  assert.deepEqual(fault, {
    type: "fault",
    code: "too_large",
    fields: { field: "session.data_size", limit: 65536 },
  });
  accepts(frame("transfer", "{}".padEnd(65536)));
  for (const data of ["x", "[]", " ", "{}{}", '{"a":1,"a":1}', "{}\0", '{"name":"\\ud800"}']) {
    refuses(frame("transfer", data), "malformed_header");
    refuses(frame("disconnect", data), "malformed_header");
  }
  assert.deepEqual(dataOf(frame("transfer", '\r\n {"offset":1}\n')), {
    offset: 1,
    complete: true,
    cancel: false,
  });
});

test("extra bytes after a payload are the next header: malformed_header", () => {
  const events = decode([header({ size: "2" }) + "abcd\n"]);
  assert.deepEqual(events.map((event) => event.type), ["request", "payload", "end", "fault"]);
  assert.equal(events.at(-1)?.code, "malformed_header");
});

test("only transfer carries a payload", () => {
  for (const action of ["connect", "heartbeat", "disconnect"]) {
    refuses(header({ size: "1" }, { action: `"${action}"` }), "invalid_field", "size");
    accepts(header({}, { action: `"${action}"` }));
  }
});

test("transfer data is typed: UUID, digest, name and booleans", () => {
  const all = {
    upload_id: ID.toUpperCase(),
    name: "../../été\r\n\u001b[31m",
    offset: 1,
    length: 2,
    complete: false,
    sha256: "AB".repeat(32),
    cancel: true,
  };
  assert.deepEqual(dataOf(frame("transfer", JSON.stringify(all))), {
    uploadId: ID,
    name: all.name,
    offset: 1,
    length: 2,
    complete: false,
    sha256: "ab".repeat(32),
    cancel: true,
  });
  const bad = (field: string, ...values: unknown[]) => {
    for (const value of values) {
      refuses(frame("transfer", JSON.stringify({ [field]: value })), "invalid_field", field);
    }
  };
  bad("upload_id", "", "x", 1, ID.slice(1), `${ID}0`, ID.replaceAll("-", ""));
  bad("sha256", "", "ab", "g".repeat(64), "a".repeat(65), 1);
  bad("name", 1, true, [], "x".repeat(256), "é".repeat(128));
  bad("complete", 0, 1, "true", [], {});
  bad("cancel", 0, 1, "false");
  assert.ok(dataOf(frame("transfer", JSON.stringify({ name: "x".repeat(255) }))));
  assert.ok(dataOf(frame("transfer", JSON.stringify({ name: "é".repeat(127) }))));
  assert.ok(dataOf(frame("transfer", JSON.stringify({ name: "😀".repeat(63) }))));
});

test("connect data is typed: token, booleans and fallback", () => {
  const bad = (field: string, ...values: unknown[]) => {
    for (const value of values) {
      refuses(frame("connect", JSON.stringify({ [field]: value })), "invalid_field", field);
    }
  };
  bad("token", 1, [], "x".repeat(257));
  bad("want_token", 0, "true");
  bad("clean", 1, "no");
  bad("fallback", "stateful", true, "");
  assert.deepEqual(
    dataOf(frame("connect", '{"clean":true,"fallback":"stateless","session_expiry_s":60}')),
    { clean: true, fallback: "stateless", sessionExpiryS: 60 },
  );
});
