import assert from "node:assert/strict";
import { authorised, type IpBinding } from "../../src/session/mod.ts";
import { pure } from "./samples.ts";

const HASH = "ab".repeat(32);

function mayFrom(kept: string, shown: string, binding: IpBinding): boolean {
  const record = { tokenHash: null, clientAddress: kept };
  return authorised(record, { tokenHash: null, clientAddress: shown }, binding);
}

pure("S-CON-5 a session with a token takes the token alone, from any address", () => {
  const record = { tokenHash: HASH, clientAddress: "192.0.2.7" };
  const may = (tokenHash: string | null, clientAddress = "192.0.2.7", binding: IpBinding = "off") =>
    authorised(record, { tokenHash, clientAddress }, binding);
  assert.ok(may(HASH, "198.51.100.1", "strict"));
  assert.ok(!may(null));
  assert.ok(!may(""));
  assert.ok(!may(HASH.slice(1)));
  assert.ok(!may(HASH + "0"));
  for (let i = 0; i < HASH.length; i++) {
    assert.ok(!may(HASH.slice(0, i) + "0" + HASH.slice(i + 1)), `difference at ${i}`);
  }
});

pure("S-CON-5 a session without a token ignores one that is shown", () => {
  const record = { tokenHash: null, clientAddress: "192.0.2.7" };
  assert.ok(authorised(record, { tokenHash: HASH, clientAddress: "192.0.2.7" }, "strict"));
  assert.ok(!authorised(record, { tokenHash: HASH, clientAddress: "192.0.2.8" }, "strict"));
});

pure("S-CON-5 strict takes the same address, however it is written", () => {
  const same: [string, string][] = [
    ["192.0.2.7", "192.0.2.7"],
    ["192.0.2.7", "::ffff:192.0.2.7"],
    ["::ffff:c000:207", "192.0.2.7"],
    ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1"],
    ["::1", "0:0:0:0:0:0:0:1"],
    ["fe80::1%eth0", "fe80:0::1%eth0"],
    ["/run/fxfer.sock", "/run/fxfer.sock"],
  ];
  for (const [a, b] of same) assert.ok(mayFrom(a, b, "strict"), `${a} ${b}`);
  const other: [string, string][] = [
    ["192.0.2.7", "192.0.2.8"],
    ["192.0.2.7", "2001:db8::1"],
    ["192.0.2.7", "::192.0.2.7"],
    ["2001:db8::1", "2001:db8::2"],
    ["fe80::1%eth0", "fe80::1%eth1"],
    ["/run/a.sock", "/run/b.sock"],
  ];
  for (const [a, b] of other) assert.ok(!mayFrom(a, b, "strict"), `${a} ${b}`);
});

pure("S-CON-5 prefix takes the same /24 and the same /64", () => {
  const near: [string, string][] = [
    ["192.0.2.7", "192.0.2.255"],
    ["192.0.2.7", "::ffff:192.0.2.99"],
    ["2001:db8:1:2:3::4", "2001:db8:1:2:ffff:ffff:ffff:ffff"],
  ];
  for (const [a, b] of near) assert.ok(mayFrom(a, b, "prefix"), `${a} ${b}`);
  const far: [string, string][] = [
    ["192.0.2.7", "192.0.3.7"],
    ["192.0.2.7", "193.0.2.7"],
    ["::ffff:192.0.2.7", "::ffff:192.0.3.7"],
    ["192.0.2.7", "::1"],
    ["::1", "::ffff:0.0.0.1"],
    ["2001:db8:1:2::1", "2001:db8:1:3::1"],
    ["fe80::1%eth0", "fe80::2%eth1"],
  ];
  for (const [a, b] of far) assert.ok(!mayFrom(a, b, "prefix"), `${a} ${b}`);
});

pure("S-CON-5 text that is no address matches only itself", () => {
  for (const text of ["", "1.2.3", "1.2.3.256", "::1::2", "1:2:3:4:5:6:7", "g::1", "1:::2", ":"]) {
    assert.ok(mayFrom(text, text, "strict"), text);
    assert.ok(!mayFrom(text, "1.2.3.4", "prefix"), text);
    assert.ok(!mayFrom("::1", text, "prefix"), text);
  }
});

pure("S-CON-5 off takes any address", () => {
  assert.ok(mayFrom("192.0.2.7", "2001:db8::1", "off"));
});
