import assert from "node:assert/strict";
import {
  formatAddress,
  formatEndpoint,
  inNetworks,
  parseAddress,
  parseEndpoint,
  parseHost,
  parseListenEndpoint,
  parseNetwork,
} from "../src/address.ts";

const pure = { permissions: "none" } as const;

Deno.test("formatAddress() writes one text for each address", pure, () => {
  const cases: readonly (readonly [string, string])[] = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:201", "192.0.2.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ];
  for (const [text, wanted] of cases) {
    assert.equal(formatAddress(parseAddress(text)!), wanted, text);
    assert.equal(formatAddress(parseAddress(wanted)!), wanted);
  }
});

Deno.test("parseAddress() takes nothing else for an address", pure, () => {
  const none = [
    "",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.4.5",
    "a.b.c.d",
    "1:2:3:4:5:6:7",
    ":::",
    "1::2::3",
  ];
  for (const text of [...none, "12345::", "::g", "localhost", "1.2.3.4 ", "1:2:3:4:5:6:7:8:9"]) {
    assert.equal(parseAddress(text), undefined, text);
  }
});

Deno.test("parseNetwork() reads addresses and prefixes and refuses the rest", pure, () => {
  assert.equal(parseNetwork("10.0.0.0/8")?.bits, 104);
  assert.equal(parseNetwork("10.0.0.1")?.bits, 128);
  assert.equal(parseNetwork("2001:db8::/32")?.bits, 32);
  assert.equal(parseNetwork("0.0.0.0/0")?.bits, 96);
  const none = ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "lo", "/8", ""];
  for (const text of none) assert.equal(parseNetwork(text), undefined, text);
});

Deno.test("inNetworks() compares bits, whatever the form of the address", pure, () => {
  const of = (...texts: string[]) => texts.map((text) => parseNetwork(text)!);
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["10.1.2.3", "10.1.2.2/31", true],
    ["10.1.2.4", "10.1.2.2/31", false],
    ["::ffff:10.1.2.3", "10.0.0.0/8", true],
    ["2001:db8::1", "0.0.0.0/0", false],
    ["1.2.3.4", "::/0", true],
    ["2001:db8:1::1", "2001:db8::/33", true],
    ["2001:db8:8000::1", "2001:db8::/33", false],
    ["fe80::1%eth0", "fe80::/10", true],
    ["local", "::/0", false],
  ];
  for (const [address, network, inside] of cases) {
    assert.equal(inNetworks(address, of(network)), inside, `${address} in ${network}`);
  }
  assert.equal(inNetworks("10.0.0.1", []), false);
  assert.equal(inNetworks("::1", of("127.0.0.1", "::1")), true);
});

Deno.test("parseEndpoint() and formatEndpoint() have one text for each server", pure, () => {
  const cases: readonly (readonly [string, string])[] = [
    ["Files.Example:65432", "files.example:65432"],
    ["127.0.0.1:1", "127.0.0.1:1"],
    ["[::1]:65535", "[::1]:65535"],
    ["[2001:DB8:0:0::1]:80", "[2001:db8::1]:80"],
    ["[::ffff:192.0.2.1]:80", "192.0.2.1:80"],
  ];
  for (const [text, wanted] of cases) {
    assert.equal(formatEndpoint(parseEndpoint(text)!), wanted, text);
    assert.deepEqual(parseEndpoint(wanted), parseEndpoint(text));
  }
  const none = ["", "a", "a:", ":1", "a:0", "a:65536", "a:1x", "::1:80", "[a]:80", "a b:1", "a:1 "];
  for (const text of [...none, "u@a:1", "a:1/x", "[::g]:1", "a\n:1", `${"a".repeat(254)}:1`]) {
    assert.equal(parseEndpoint(text), undefined, text);
  }
});

Deno.test("parseListenEndpoint() takes a port alone for the given host, and port 0", pure, () => {
  const cases: readonly (readonly [string, string])[] = [
    ["7000", "127.0.0.1:7000"],
    ["0", "127.0.0.1:0"],
    ["0.0.0.0:0", "0.0.0.0:0"],
    ["[::1]:7000", "[::1]:7000"],
    ["Files.Example:1", "files.example:1"],
  ];
  for (const [text, wanted] of cases) {
    const endpoint = parseListenEndpoint(text, "127.0.0.1");
    assert.equal(endpoint && formatEndpoint(endpoint), wanted, text);
  }
  for (const text of ["", "x", "65536", "a:", "a:65536", "-1", "::1:80", " 7000"]) {
    assert.equal(parseListenEndpoint(text, "127.0.0.1"), undefined, text);
  }
});

Deno.test("parseHost() has one text for each host, and none for what can be no host", pure, () => {
  const cases: readonly (readonly [string, string])[] = [
    ["Files.Example", "files.example"],
    ["files.example.", "files.example."],
    ["a_b-1", "a_b-1"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["127.0.0.1", "127.0.0.1"],
    ["127.1", "127.0.0.1"],
    ["[::1]", "::1"],
    ["2001:DB8::0:1", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1%eth0"],
  ];
  for (const [text, wanted] of cases) {
    assert.equal(parseHost(text), wanted, text);
    assert.equal(parseHost(wanted), wanted);
  }
  const none = ["", ".", "a..b", ".a", "a b", "a:1", "127.0.0.1:5000", "[::1]:1", "::g", "[a]"];
  for (const text of [...none, "http://a", "a/b", "u@a", "a?b", "a#b", "a%41", "a\n", "5000"]) {
    assert.equal(parseHost(text), undefined, text);
  }
  for (const text of ["999.1.1.1", "1.2.3.4.5", `${"a".repeat(64)}.b`, "a.".repeat(127) + "ab"]) {
    assert.equal(parseHost(text), undefined, text);
  }
});
