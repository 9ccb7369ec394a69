/** The program with TLS: its certificates, `fxfer send`, wrong servers, and certificates that change. */
import assert from "node:assert/strict";
import { formatKey, makeOwnCertificate, newKey } from "../../mod.ts";
import { issue } from "../helpers/certificates.ts";
import { listStored, storedSha256 } from "../helpers/files.ts";
import { freePort } from "../helpers/free_port.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { FLAGS_W, Program } from "../helpers/program.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

/** Settings for TLS alone, on a free port. */
const TLS = { "server.port": "off", "server.tls.port": 0 };
const SELF = { ...TLS, "server.tls.certificate": "self" };

/** A folder with a file to send. */
async function sender(): Promise<TempDir> {
  const dir = await TempDir.make();
  await Deno.writeTextFile(dir.join("photo.png"), "not really a photo");
  return dir;
}

/** Writes a certificate and its key into one file that only its owner may read. */
async function write(path: string, { certificate, key }: { certificate: string; key: string }) {
  await Deno.writeTextFile(path, certificate + key, { mode: 0o600 });
}

Deno.test("S-TLS-1 self: the pin is printed, and is the same at the next start", async () => {
  await using dir = await TempDir.make();
  await using from = await sender();
  const pins = new Set<string>();
  for (let start = 0; start < 2; start++) {
    await using server = await Program.serve({ cwd: dir.path, set: SELF });
    const { port, tls_port, pin } = await server.event("server.listening");
    assert.equal(port, "off");
    pins.add(pin);
    const address = `fxfers://127.0.0.1:${tls_port}?pin=${pin}`;
    const { code, err } = await fxfer(["send", address, "photo.png"], { cwd: from.path });
    assert.equal(code, 0, err);
    assert.ok(!server.output().includes("PRIVATE"));
  }
  assert.equal(pins.size, 1);
  assert.equal((await listStored(`${dir.path}/storage`)).length, 2);
});

Deno.test(
  "S-TLS-1 in the sandbox the certificate is a new one and says so, or comes on standard input",
  {
    ignore: Deno.env.has("FXFER_BIN"), // its permissions are baked in
  },
  async () => {
    await using dir = await TempDir.make();
    const pins = new Set<string>();
    for (let start = 0; start < 2; start++) {
      await using server = await Program.serve({ cwd: dir.path, set: SELF, flags: FLAGS_W });
      const { needs } = await server.event("certificate.not_kept");
      assert.equal(needs, "--allow-read=./storage");
      pins.add((await server.event("server.listening")).pin);
    }
    assert.equal(pins.size, 2);
    // Users' keys may come on the same input.
    const own = await makeOwnCertificate();
    const key = formatKey(newKey("anna"));
    const secrets = `# users\n${key}\n${own.key}${own.certificate}`;
    await Deno.writeTextFile(dir.join("secrets"), secrets, { mode: 0o600 });
    const set = { ...TLS, "server.tls.certificate": "-", "security.keys": "-" };
    const wrap = ["sh", "-c", 'exec "$@" < secrets', "sh"];
    await using server = await Program.serve({ cwd: dir.path, set, flags: FLAGS_W, wrap });
    const { tls_port, pin } = await server.event("server.listening");
    assert.equal(pin, own.pin);
    await using from = await sender();
    const place = `127.0.0.1:${tls_port}?pin=${pin}`;
    const send = ["send", "-q", "photo.png", "--host"];
    const known = await fxfer([...send, `fxfers://${key}@${place}`], { cwd: from.path });
    assert.deepEqual([known.code, known.err], [0, ""]);
    assert.equal((await fxfer([...send, `fxfers://${place}`], { cwd: from.path })).code, 4);
  },
);

Deno.test("S-TLS-2 a wrong server: one sentence that says what to do, exit code 4, nothing is stored", async () => {
  await using server = await Program.serve({ set: { ...SELF, "server.port": 0 } });
  await using from = await sender();
  const { tls_port, pin } = await server.event("server.listening");
  const root = await issue("root", undefined, { isAuthority: true });
  await Deno.writeTextFile(from.join("ca.pem"), root.certificate);
  await Deno.writeTextFile(from.join("none.pem"), "hello");
  const place = `127.0.0.1:${tls_port}`;
  const wrong = "0".repeat(64);
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [
      [`fxfers://${place}?pin=${wrong}`],
      4,
      `Cannot connect to ${place}: its pin is not the one that you gave; wanted ${wrong}, found ${pin} (if ` +
      "the server was set up anew, ask for its new pin; if not, somebody is in between)",
    ],
    [
      ["--host", place, "--ca", "ca.pem"],
      4,
      `Cannot connect to ${place}: nobody whom this machine trusts vouches for its certificate (give ` +
      "the pin that the server printed, or with --ca the certificate of the authority; and the server " +
      "must send its whole chain)",
    ],
    [
      ["--tls", "--host", `127.0.0.1:${server.port}`],
      3,
      `Cannot connect to 127.0.0.1:${server.port}: it does not speak TLS (is this its plain port?); ` +
      "nothing was sent",
    ],
    [
      [`fxfer://${place}`],
      3,
      `Cannot connect to ${place}: this looks like a server that wants TLS, as fxfers:// and --tls do ` +
      "(is the port right?)",
    ],
    [["--ca", "none.pem"], 8, "Cannot use none.pem: there is no certificate in it (PEM)"],
    [["--ca", "gone.pem"], 8, "Cannot read gone.pem: there is no such file"],
    [
      ["--tls", "--allow-v1"],
      1,
      "--allow-v1 does not go with TLS, which version 1 servers lack (see fxfer send --help)",
    ],
    [
      ["--pin", "12"],
      1,
      '--pin: wanted 64 hex digits, found "12" (see fxfer send --help)',
    ],
    [
      [`fxfers://${place}?pin=${pin.slice(1)}`],
      1,
      "behind the ? of the address comes pin= and 64 hex digits (was it cut?) (see fxfer send --help)",
    ],
  ];
  for (const [args, wanted, sentence] of cases) {
    const { code, err } = await fxfer(["send", "-q", ...args, "photo.png"], { cwd: from.path });
    assert.deepEqual([code, err], [wanted, `fxfer: ${sentence}\n`], args.join(" "));
  }
  assert.deepEqual(await listStored(server.storage), []);
});

Deno.test("a server whose certificate cannot be used does not start: one sentence, exit code 4", async () => {
  await using dir = await TempDir.make();
  const root = await issue("root", undefined, { isAuthority: true });
  const middle = await issue("middle", root, { isAuthority: true });
  const server = await issue("server", middle);
  const old = await issue("server", middle, { from: -3, until: -1 });
  await write(dir.join("old.pem"), old);
  await write(dir.join("ca.pem"), root);
  await write(dir.join("chain.pem"), {
    ...server,
    certificate: server.certificate + root.certificate,
  });
  await write(dir.join("other.pem"), { ...server, key: middle.key });
  await write(dir.join("open.pem"), server);
  if (Deno.build.os !== "windows") await Deno.chmod(dir.join("open.pem"), 0o644);
  const ended = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  const cases: Record<string, string> = {
    "old.pem": `it ended on ${ended} (get a new one)`,
    "ca.pem":
      "it is the certificate of an authority (CA:TRUE), which clients refuse as a server's " +
      "(add -addext basicConstraints=critical,CA:FALSE to openssl req -x509)",
    "chain.pem":
      "its chain is broken: certificate 2 did not issue certificate 1 (put the server's " +
      "first, then the one that issued it, and so on)",
    "other.pem": "the private key belongs to another certificate",
    ...(Deno.build.os === "windows"
      ? {}
      : { "open.pem": "others may read the private key in it (chmod 600 open.pem)" }),
    "gone.pem": "there is no such file",
  };
  for (const [file, why] of Object.entries(cases)) {
    const set = ["--set", `server.tls.certificate=${file}`, "--port", "0", "-q"];
    const { code, err } = await fxfer(["serve", ...set], { cwd: dir.path });
    assert.deepEqual([code, err], [4, `fxfer: Cannot use ${file}: ${why}\n`]);
    const doctor = await fxfer(["doctor", "--json", ...set.slice(0, -1)], { cwd: dir.path });
    assert.equal(doctor.code, 1);
    assert.ok(doctor.out.includes(`Cannot use ${file}: ${why}`), doctor.out);
  }
});

for (const workers of Deno.build.os === "linux" ? [1, 2] : [1]) {
  Deno.test(`S-TLS-4 a server with ${workers} worker(s) takes a new certificate, by itself and at SIGHUP`, async () => {
    await using dir = await TempDir.make();
    await using from = await sender();
    const root = await issue("root", undefined, { isAuthority: true });
    await Deno.writeTextFile(from.join("ca.pem"), root.certificate);
    const other = await issue("other root", undefined, { isAuthority: true });
    const file = dir.join("server.pem");
    await write(file, await issue("server", other));
    await using server = await Program.serve({
      cwd: dir.path,
      flags: ["-A"],
      args: workers > 1 ? ["--workers", String(workers), "--persistence", "sqlite"] : [],
      set: { ...TLS, "server.tls.certificate": "server.pem" },
    });
    const { tls_port, until: end } = await server.event("server.listening");
    assert.match(end, /^20\d\d-/);
    const send = () =>
      fxfer(["send", "-q", "--ca", "ca.pem", `--host=127.0.0.1:${tls_port}`, "photo.png"], {
        cwd: from.path,
      });
    assert.equal((await send()).code, 4);
    await write(file, await issue("server", root)); // replaced in place, as by cp
    await server.event("certificate.changed");
    assert.equal((await send()).code, 0);

    if (Deno.build.os === "windows") return;
    await Deno.writeTextFile(file, "half of a cert");
    server.signal("SIGHUP");
    await server.event("certificate.not_changed");
    assert.equal((await send()).code, 0, "the one before stays");
    await write(file, await issue("server", other));
    server.signal("SIGHUP");
    const changed = ({ json }: { json: { event?: string } }) =>
      json.event === "certificate.changed";
    await server.log.wait(() => server.log.all.filter(changed).length === 2, "changed again");
    assert.equal((await send()).code, 4);
  });
}

Deno.test("readiness knows when the certificate ends", async () => {
  await using dir = await TempDir.make();
  const root = await issue("root", undefined, { isAuthority: true });
  await write(dir.join("server.pem"), await issue("server", root, { until: 6 / 86_400 }));
  const health = freePort();
  await using _server = await Program.serve({
    cwd: dir.path,
    flags: ["-A"],
    set: { ...TLS, "server.tls.certificate": "server.pem", "server.health_port": health },
  });
  const ask = async () => await (await fetch(`http://127.0.0.1:${health}/readyz`)).json();
  assert.deepEqual(await ask(), { status: "ready" });
  await until(
    async () => (await ask()).reason === "certificate",
    "the certificate has ended",
    15_000,
  );
});

Deno.test("S-URL-1 the address may stand in a file or on standard input, and one with a key must be private", async () => {
  await using server = await Program.serve({ set: SELF });
  await using from = await sender();
  const { tls_port, pin } = await server.event("server.listening");
  const address = `fxfers://127.0.0.1:${tls_port}?pin=${pin}`;
  await Deno.writeTextFile(from.join("address"), `${address}\n`, { mode: 0o644 });
  const options = { cwd: from.path };
  const send = ["send", "-q", "photo.png"];
  const file = await fxfer([...send, "--address-file", "address"], options);
  assert.deepEqual([file.code, file.err], [0, ""]);
  const stdin = new TextEncoder().encode(address);
  const piped = await fxfer([...send, "--address-file=-"], { ...options, stdin });
  assert.deepEqual([piped.code, piped.err], [0, ""]);
  const twice = await fxfer([...send, "-", "--address-file=-"], { ...options, stdin });
  assert.equal(
    twice.err,
    "fxfer: - is standard input, which can be read once (see fxfer send --help)\n",
  );

  const key = `fxfer_anna_${"A".repeat(42)}E`;
  await Deno.writeTextFile(from.join("keyed"), `fxfers://${key}@127.0.0.1:${tls_port}`, {
    mode: 0o644,
  });
  const open = await fxfer([...send, "--address-file", "keyed"], options);
  if (Deno.build.os !== "windows") {
    const why =
      "fxfer: Cannot use keyed: others may read it, and it holds secrets (chmod 600 keyed)\n";
    assert.deepEqual([open.code, open.err], [4, why]);
  }
  await Deno.writeTextFile(from.join("address"), `${key} and more`);
  const junk = await fxfer([...send, "--address-file", "address"], options);
  assert.equal(junk.code, 1);
  assert.ok(!junk.err.includes(key), junk.err);
  const [stored] = await listStored(server.storage);
  assert.ok(await storedSha256(server.storage, stored!));
});
