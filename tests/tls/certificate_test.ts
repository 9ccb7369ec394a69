/** Certificates that fxfer makes, keeps, and reads. */
import assert from "node:assert/strict";
import {
  type Certificate,
  checkServerCertificate,
  keepOwnCertificate,
  makeOwnCertificate,
  readCertificate,
  readCertificates,
  readServerCertificate,
} from "../../src/tls/mod.ts";
import { damaged, issue } from "../helpers/certificates.ts";
import { errorOf } from "../helpers/errors.ts";
import { pure } from "../helpers/pure.ts";
import { system } from "../helpers/ran.ts";
import { Random } from "../helpers/random.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

pure("S-TLS-1 a certificate of one's own has its pin's name, no authority and no end", async () => {
  const own = await makeOwnCertificate(["files.example.org", "192.0.2.1", "2001:db8::1"]);
  const [read] = readCertificates(own.certificate);
  assert.match(own.pin, /^[0-9a-f]{64}$/);
  assert.equal(read!.pin, own.pin);
  assert.equal(read!.isAuthority, false);
  assert.equal(new Date(read!.notAfter).toISOString(), "9999-12-31T23:59:59.000Z");
  assert.deepEqual(read!.names, [
    `${own.pin.slice(0, 48)}.fxfer.invalid`,
    "files.example.org",
    "192.0.2.1",
    "2001:db8::1",
  ]);
  const again = await makeOwnCertificate([], own.key);
  assert.equal(again.pin, own.pin, "the key decides");
  assert.notEqual((await makeOwnCertificate()).pin, own.pin);
});

pure("bytes of a stranger are a certificate or a RangeError, and nothing else", async () => {
  const random = new Random(16);
  const [{ der }] = readCertificates((await makeOwnCertificate(["192.0.2.1"])).certificate) as [
    Certificate,
  ];
  for (let turn = 0; turn < 20_000; turn++) {
    const bytes = der.slice(0, turn % 3 === 0 ? random.int(0, der.length - 1) : der.length);
    for (let changes = random.int(0, 3); changes >= 0 && bytes.length > 0; changes--) {
      bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
    }
    try {
      assert.match(readCertificate(bytes).pin, /^[0-9a-f]{64}$/);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
  }
});

testWith(["openssl"], "openssl reads what fxfer makes as fxfer means it", async (openssl) => {
  await using dir = await TempDir.make();
  const own = await makeOwnCertificate(["192.0.2.1"]);
  await Deno.writeTextFile(dir.join("own.pem"), own.certificate);
  await Deno.writeTextFile(dir.join("own.key"), own.key);
  await system(openssl, ["verify", "-CAfile", "own.pem", "-partial_chain", "own.pem"], dir.path);
  const digest = ["-pubkey", "-noout", "-in", "own.pem", "-out", "own.pub"];
  await system(openssl, ["x509", ...digest], dir.path);
  await system(openssl, ["pkey", "-in", "own.key", "-pubout", "-out", "key.pub"], dir.path);
  const [ofCertificate, ofKey] = await Promise.all(
    ["own.pub", "key.pub"].map((file) => Deno.readTextFile(dir.join(file))),
  );
  assert.equal(ofCertificate, ofKey);
  const spki = ["pkey", "-pubin", "-in", "own.pub", "-outform", "DER", "-out", "spki"];
  await system(openssl, spki, dir.path);
  const sha256 = await crypto.subtle.digest("SHA-256", await Deno.readFile(dir.join("spki")));
  assert.equal(new Uint8Array(sha256).toHex(), own.pin);
});

Deno.test("S-TLS-1 a certificate is kept: the next start, and a start beside it, have the same", async () => {
  await using dir = await TempDir.make();
  const folder = dir.join("storage");
  const [first, beside] = await Promise.all([
    keepOwnCertificate(folder),
    keepOwnCertificate(folder),
  ]);
  assert.equal(beside.certificate.pin, first.certificate.pin);
  assert.equal(first.isKept, true);
  const next = await keepOwnCertificate(folder, ["Files.Example.org", "2001:DB8::1"]);
  assert.equal(next.certificate.pin, first.certificate.pin, "other names, the same key");
  assert.deepEqual(next.certificate.names, ["files.example.org", "2001:db8::1"]);
  const last = await keepOwnCertificate(folder, ["files.example.org", "2001:db8::1"]);
  assert.equal(last.certificate.certificate, next.certificate.certificate);
  const files = Array.from(Deno.readDirSync(folder), ({ name }) => name);
  assert.deepEqual(files, [".tls.pem"], "nothing else is left");
  if (Deno.build.os !== "windows") {
    assert.equal((await Deno.stat(dir.join("storage", ".tls.pem"))).mode! & 0o777, 0o600);
  }
});

Deno.test("a certificate that cannot be used is refused with what to do", async () => {
  await using dir = await TempDir.make();
  const root = await issue("root", undefined, { isAuthority: true });
  const middle = await issue("middle", root, { isAuthority: true });
  const right = await issue("server", middle);
  const { key } = right;
  const other = await issue("other", middle);
  const old = await issue("server", middle, { from: -9, until: -8 });
  const early = await issue("server", middle, { from: 8, until: 9 });
  const chain = right.certificate + middle.certificate;
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [old.certificate, old.key, /^Cannot use s: it ended on 20\S+ \(get a new one\)$/],
    [early.certificate, early.key, /^Cannot use s: it begins on 20\S+ \(is this machine's clock/],
    [root.certificate, root.key, /authority \(CA:TRUE\), .*-addext basicConstraints=critical,CA:F/],
    [right.certificate + root.certificate, key, /its chain is broken: certificate 2 did not issue/],
    [chain, other.key, /the private key belongs to another certificate$/],
    ["", key, /there is no certificate in it \(PEM is wanted/],
    [chain.replace(/^.{40}$/m, ""), "", /is damaged|no private key with it/],
    [chain, "", /there is no private key with it \(server\.tls\.key names its file\)$/],
    [chain, key.replace(/^[A-Za-z0-9+/]{20}/m, "AAAA"), /its private key is damaged/],
    [chain, "-----BEGIN ENCRYPTED PRIVATE KEY-----", /encrypted \(openssl pkey writes it without/],
  ];
  for (const [certificate, key, wanted] of cases) {
    const error = await errorOf(() => checkServerCertificate({ certificate, key }, "s"));
    assert.match(error.message, wanted);
    assert.deepEqual([error.code, error.exit], ["unauthorized", 4]);
  }
  const { pin, names, isOwn } = checkServerCertificate({ certificate: chain, key }, "s");
  assert.equal(pin, readCertificates(chain)[0]!.pin);
  assert.deepEqual([names, isOwn], [["127.0.0.1"], false]);
  assert.notEqual(damaged(right), right.certificate);

  const file = dir.join("server.pem");
  await Deno.writeTextFile(file, chain + key);
  if (Deno.build.os !== "windows") {
    await Deno.chmod(file, 0o640);
    const open = await errorOf(() => readServerCertificate(file));
    assert.match(open.message, /others may read the private key in it \(chmod 600 /);
  }
  await Deno.chmod(file, 0o600);
  assert.equal((await readServerCertificate(file)).pin, pin);
  const missing = await errorOf(() => readServerCertificate(dir.join("none.pem")));
  assert.match(missing.message, /there is no such file$/);
  await Deno.rename(file, dir.join(".tls.pem"));
  const foreign = await errorOf(() => keepOwnCertificate(dir.path));
  assert.match(foreign.message, /fxfer did not make it \(remove the file; clients then need a new/);
});
