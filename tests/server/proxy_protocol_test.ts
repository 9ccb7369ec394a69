import assert from "node:assert/strict";
import {
  MAX_V1_BYTES,
  MAX_V2_BYTES,
  parseProxyHeader,
  type ProxyResult,
  type ProxyVersions,
} from "../../src/server/proxy_protocol.ts";
import { Random } from "../helpers/random.ts";
import { type ProxyV2, proxyV2 } from "../helpers/proxy_header.ts";
import { concat, utf8 } from "../helpers/raw_frame.ts";

const pure = { permissions: "none" } as const;

const parse = (bytes: Uint8Array | string, versions: ProxyVersions = "any"): ProxyResult =>
  parseProxyHeader(typeof bytes === "string" ? utf8(bytes) : bytes, versions);

/** The address, or the type of the result when it is no header. */
function outcome(bytes: Uint8Array | string, versions?: ProxyVersions): string | undefined {
  const result = parse(bytes, versions);
  return result.type === "header" ? result.address : result.type;
}

const V1: readonly (readonly [string, string | undefined])[] = [
  ["PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", "192.0.2.7"],
  ["PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"],
  ["PROXY TCP6 2001:DB8::7 ::1 0 1\r\n", "2001:db8::7"],
  ["PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "192.0.2.7"],
  ["PROXY UNKNOWN\r\n", undefined],
  ["PROXY UNKNOWN ffff::1 whatever stands here 1\r\n", undefined],
];

const V1_FAULTS: readonly string[] = [
  "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\n",
  "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
  "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 1\r\n",
  "PROXY TCP4 192.0.2.7  198.51.100.1 56324 443\r\n",
  "PROXY TCP4 192.0.2.7 198.51.100.1 56324 65536\r\n",
  "PROXY TCP4 192.0.2.7 198.51.100.1 056324 443\r\n",
  "PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n",
  "PROXY TCP4 192.0.2.256 198.51.100.1 1 443\r\n",
  "PROXY TCP4 192.0.2.7 here 1 443\r\n",
  "PROXY TCP4 ::1 ::1 1 2\r\n",
  "PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
  "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
  "PROXY UNIX /a /b 1 2\r\n",
  "PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
  "PROXY TCP4\r\n",
  "PROXY \r\n",
  "PROXY unknown\r\n",
];

Deno.test("parseProxyHeader() reads version 1: TCP4, TCP6 and UNKNOWN", pure, () => {
  for (const [line, address] of V1) assert.equal(outcome(line), address, line);
});

Deno.test("parseProxyHeader() refuses every version 1 line that is not exact", pure, () => {
  for (const line of V1_FAULTS) assert.equal(outcome(line), "fault", line);
});

Deno.test("parseProxyHeader() refuses a version 1 line at its limit, not after it", pure, () => {
  const line = "PROXY UNKNOWN " + "x".repeat(MAX_V1_BYTES - 16) + "\r\n";
  assert.equal(line.length, MAX_V1_BYTES);
  assert.equal(parse(line).type, "header");
  assert.equal(parse(line.replace("\r", "x\r")).type, "fault");
  const endless = utf8("PROXY TCP4 " + "1".repeat(1000));
  assert.equal(parse(endless.subarray(0, MAX_V1_BYTES - 1)).type, "more");
  assert.equal(parse(endless.subarray(0, MAX_V1_BYTES)).type, "fault");
});

const IP4 = { family: 0x11, addresses: [192, 0, 2, 7, 198, 51, 100, 1, 1, 2, 3, 4] };
const IP6 = {
  family: 0x21,
  addresses: [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 7, ...Array(20).fill(0)],
};

Deno.test(
  "parseProxyHeader() reads version 2: TCP4, TCP6, LOCAL and UNSPEC, and skips what follows",
  pure,
  () => {
    const cases: readonly (readonly [ProxyV2, string | undefined])[] = [
      [IP4, "192.0.2.7"],
      [IP6, "2001:db8::7"],
      [{ ...IP4, addresses: [...IP4.addresses, 0x04, 0, 1, 9] }, "192.0.2.7"],
      [{ ...IP4, command: 0x20 }, undefined],
      [{ command: 0x20, family: 0, addresses: [] }, undefined],
      [{ command: 0x20, family: 0x31, addresses: [1, 2, 3] }, undefined],
      [{ family: 0, addresses: [1, 2, 3] }, undefined],
    ];
    for (const [header, address] of cases) assert.equal(outcome(proxyV2(header)), address);
  },
);

Deno.test(
  "parseProxyHeader() refuses version 2 headers of other protocols, commands and lengths",
  pure,
  () => {
    const faults: readonly ProxyV2[] = [
      { ...IP4, family: 0x12 }, // UDP
      { ...IP6, family: 0x22 },
      { family: 0x31, addresses: Array(216).fill(0) }, // unix
      { ...IP4, family: 0x41 },
      { ...IP4, family: 0x10 },
      { ...IP4, command: 0x22 },
      { ...IP4, command: 0x11 },
      { ...IP4, addresses: IP4.addresses.slice(1) },
      { ...IP6, addresses: IP6.addresses.slice(1) },
      { ...IP4, length: 65535 },
      { ...IP4, length: MAX_V2_BYTES - 15 },
    ];
    for (const header of faults) {
      assert.equal(
        outcome(proxyV2(header)),
        "fault",
        JSON.stringify(header),
      );
    }
    assert.equal(outcome(proxyV2({ ...IP4, length: MAX_V2_BYTES - 16 })), "more");
  },
);

Deno.test("parseProxyHeader() refuses at the first byte that fits no header", pure, () => {
  const others = ["{", "GET / HTTP/1.1\r\n", "PROXX", "\r\n\r\nx", "proxy ", "\x16\x03\x01", " "];
  for (const bytes of others) assert.equal(outcome(bytes), "fault", bytes);
  for (const bytes of ["", "P", "PROXY", "\r", "\r\n\r\n\0"]) assert.equal(outcome(bytes), "more");
});

Deno.test("parseProxyHeader() takes only the versions it was told to", pure, () => {
  const v1 = V1[0]![0];
  const v2 = proxyV2(IP4);
  assert.equal(outcome(v1, "v1"), "192.0.2.7");
  assert.equal(outcome(v2, "v2"), "192.0.2.7");
  assert.equal(outcome(v1, "v2"), "fault");
  assert.equal(outcome(v2, "v1"), "fault");
});

Deno.test(
  "parseProxyHeader() gives the same result for the bytes in any pieces, and the rest with it",
  pure,
  () => {
    const random = new Random(7);
    const headers = [utf8(V1[0]![0]), utf8(V1[4]![0]), proxyV2(IP4), proxyV2(IP6)];
    for (const header of headers) {
      const whole = concat(header, '{"size":1}\nx');
      const wanted = parse(header);
      assert.equal(wanted.type, "header");
      for (let step = 1; step <= whole.length; step += 1 + random.int(0, 3)) {
        let at = 0;
        let result: ProxyResult = { type: "more" };
        while (result.type === "more") {
          at = Math.min(at + step, whole.length);
          result = parse(whole.subarray(0, at));
        }
        assert(result.type === "header" && wanted.type === "header");
        assert.equal(result.address, wanted.address);
        assert.deepEqual([...result.rest, ...whole.subarray(at)], [
          ...whole.subarray(header.length),
        ]);
      }
    }
  },
);

Deno.test(
  "parseProxyHeader() never throws and never gives an address for mutated headers it refuses",
  pure,
  () => {
    const random = new Random(11);
    const seeds = [utf8(V1[0]![0]), utf8(V1[2]![0]), proxyV2(IP4), proxyV2(IP6)];
    for (let i = 0; i < 20_000; i++) {
      const bytes = seeds[i % seeds.length]!.slice();
      for (let n = 1 + random.int(0, 3); n > 0; n--) {
        bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
      }
      const result = parse(bytes);
      if (result.type !== "header" || result.address === undefined) continue;
      assert.match(result.address, /^[0-9a-f.:]+$/);
    }
  },
);
