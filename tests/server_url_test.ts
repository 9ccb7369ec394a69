import assert from "node:assert/strict";
import { formatServerUrl, parseServerUrl, type ServerAddress } from "../src/server_url.ts";
import { pure } from "./helpers/pure.ts";

const KEY = `fxfer_anna_${"A".repeat(42)}E`;
const PIN = "0123456789abcdef".repeat(4);

pure("S-URL-1 an address says server, port, TLS, key and pin, and is written as it is read", () => {
  const cases: readonly (readonly [string, ServerAddress])[] = [
    ["fxfer://h", { hostname: "h", tls: false }],
    ["fxfer://h:1", { hostname: "h", tls: false, port: 1 }],
    ["fxfers://[::1]:2", { hostname: "::1", tls: true, port: 2 }],
    [`fxfers://192.0.2.1?pin=${PIN}`, { hostname: "192.0.2.1", tls: true, pin: PIN }],
    [`fxfer://${KEY}@h`, { hostname: "h", tls: false, key: KEY }],
    [
      `fxfers://${KEY}@[fe80::1%eth0]:9?pin=${PIN}`,
      { hostname: "fe80::1%eth0", tls: true, port: 9, key: KEY, pin: PIN },
    ],
  ];
  for (const [text, address] of cases) {
    assert.deepEqual(parseServerUrl(text), address, text);
    assert.equal(formatServerUrl(address), text);
  }
  const upper = parseServerUrl(`FXFERS://H/?pin=${PIN.toUpperCase()}\n`);
  assert.deepEqual(upper, { hostname: "h", tls: true, pin: PIN });
});

pure("S-URL-1 a wrong address is told what is wrong, without its secrets", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["fxfers://", /an address is fxfers:\/\//],
    ["fxfers://h/path", /an address is/],
    [`fxfers://${KEY}@`, /an address is/],
    [`fxfers://${KEY}@h:99999`, /names no server/],
    [`fxfers://${KEY.slice(0, -3)}@h`, /not a whole key/],
    [`fxfers://anna:secret@h`, /not a whole key/],
    [`fxfers://${KEY}@h?pin=${PIN.slice(1)}`, /was it cut\?/],
    [`fxfers://h?pn=${PIN}`, /was it cut\?/],
    [`fxfer://h?pin=${PIN}`, /begins with fxfers:/],
  ];
  for (const [text, wanted] of cases) {
    const result = parseServerUrl(text);
    assert.ok("fault" in result, text);
    assert.match(result.fault, wanted);
    assert.ok(!result.fault.includes("AAA") && !result.fault.includes("secret"));
  }
});
