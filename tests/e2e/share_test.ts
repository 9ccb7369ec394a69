/** `fxfer serve --share`, and sending to the address that it prints. */
import assert from "node:assert/strict";
import { listFiles, listStored } from "../helpers/files.ts";
import { fxfer, type Running, start } from "../helpers/fxfer.ts";
import { FLAGS_W } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { findProgram, testWith } from "../helpers/require.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const HOST = ["--host", "127.0.0.2", "--port", "0"];

/** The part of an address that nobody else may see. */
const secretOf = (address: string) => /fxfer_share_([A-Za-z0-9_-]{43})@/.exec(address)![1]!;

/** A share under way, and its address. */
async function share(cwd: string, ...args: string[]): Promise<{ run: Running; address: string }> {
  const run = start(["serve", "--share", ...HOST, ...args], { cwd });
  const address = await run.output.wait(
    (line) => line.startsWith("fxfers://"),
    "the address",
    20_000,
  );
  return { run, address };
}

/** Ends a share, and gives what it wrote. */
async function end(run: Running): Promise<{ out: string; err: string }> {
  run.kill("SIGTERM");
  const { code, out, err } = await run.ended;
  assert.equal(code, 0, err);
  return { out, err };
}

/** A folder with a file in it. */
async function folder(): Promise<TempDir> {
  const dir = await TempDir.make();
  await Deno.writeTextFile(dir.join("photo.png"), "not really a photo");
  return dir;
}

const ignore = Deno.build.os !== "linux"; // elsewhere 127.0.0.2 has to be set up first

Deno.test({
  name: "S-URL-1 --share prints an address that can be sent to, and its secret is nowhere else",
  ignore,
}, async () => {
  await using at = await TempDir.make();
  await using from = await folder();
  const { run, address } = await share(at.path, "--set", "logging.level=debug", "--trace");
  assert.match(
    address,
    /^fxfers:\/\/fxfer_share_[A-Za-z0-9_-]{43}@127\.0\.0\.2:\d+\?pin=[0-9a-f]{64}$/,
  );
  const options = { cwd: from.path };
  const sent = await fxfer(["send", "--trace", address, "photo.png"], options);
  assert.equal(sent.code, 0, sent.err);
  const [, place, query] = /@([^?]*)(.*)$/.exec(address)!;
  const without = await fxfer(["send", "-q", `fxfers://${place}${query}`, "photo.png"], options);
  assert.deepEqual([without.code, without.err], [
    4,
    `fxfer: Cannot connect to ${place}: not authorised (it serves only those who have a key)\n`,
  ]);
  const other = address.replace(secretOf(address), "A".repeat(43));
  assert.equal((await fxfer(["send", "-q", other, "photo.png"], options)).code, 4);
  const plain = await fxfer(
    ["send", "-q", address.replace("fxfers", "fxfer"), "photo.png"],
    options,
  );
  assert.match(plain.err, /a pin is for a server with TLS/);
  assert.ok(!plain.err.includes(secretOf(address)));

  const { out, err } = await end(run);
  assert.equal((await listStored(at.join("storage"))).length, 1);
  assert.equal(out, `${address}\n`);
  for (const text of [err, sent.err, sent.out]) assert.ok(!text.includes(secretOf(address)));
  assert.match(
    err,
    /Whoever has this address may put, get and list files here until this program ends/,
  );
  for (const path of await listFiles(at.path)) {
    if (path === "storage/.share.key") continue;
    assert.ok(!(await Deno.readTextFile(at.join(path))).includes(secretOf(address)), path);
  }
  for (const name of [".share.key", ".tls.pem"]) {
    assert.equal((await Deno.stat(at.join("storage", name))).mode! & 0o777, 0o600);
  }

  // The next share is the same, but for the port.
  const again = await share(at.path);
  assert.equal(again.address.replace(/:\d+\?/, "?"), address.replace(/:\d+\?/, "?"));
  await end(again.run);
  await Deno.chmod(at.join("storage", ".share.key"), 0o644);
  const open = await fxfer(["serve", "--share", ...HOST, "-q"], { cwd: at.path });
  assert.deepEqual([open.code, open.out], [4, ""]);
  assert.match(open.err, /others may read it, and it holds secrets \(chmod 600 .*share\.key\)/);
});

Deno.test({
  name: "--share --once ends when the first client is done, and --for when the time is over",
  ignore,
}, async () => {
  await using at = await TempDir.make();
  await using from = await folder();
  for (const mode of ["stateful", "stateless"]) {
    const { run, address } = await share(at.path, "--once", "--can", "put");
    const send = await fxfer(["send", "--mode", mode, address, "photo.png"], { cwd: from.path });
    assert.equal(send.code, 0, send.err);
    const { code, err } = await run.ended;
    assert.equal(code, 0);
    assert.match(err, /may put files here until the first client is done/);
    const late = await fxfer(["send", "-q", "--retries", "0", address, "photo.png"], {
      cwd: from.path,
    });
    assert.equal(late.code, 2);
  }
  {
    const { run, address } = await share(at.path, "--once", "--can", "get");
    const options = { cwd: from.path };
    assert.equal((await fxfer(["ls", address], options)).code, 4, "not allowed, and no end");
    const got = await fxfer(["get", "-q", address, "photo.png", "-o", "back.png"], options);
    assert.deepEqual([got.code, got.err], [0, ""]);
    assert.equal((await run.ended).code, 0);
    assert.equal(await Deno.readTextFile(from.join("back.png")), "not really a photo");
  }
  const { run, address } = await share(at.path, "--for", "500ms");
  const { code, err } = await run.ended;
  assert.equal(code, 0);
  assert.match(err, /may put, get and list files here for /);
  assert.equal((await listStored(at.join("storage"))).length, 2);
  const names = Array.from(Deno.readDirSync(at.join("storage")), ({ name }) => name);
  assert.ok(!names.includes(".share.key") && address !== "", "these keys are not kept");
});

Deno.test({
  name: "--to-file keeps the address from the screen; the client reads it from there",
  ignore,
}, async () => {
  await using at = await TempDir.make();
  await using from = await folder();
  const file = from.join("address");
  await Deno.writeTextFile(file, "what was there before", { mode: 0o644 });
  const run = start(["serve", "--share", ...HOST, "--to-file", file], { cwd: at.path });
  await run.lines.wait((line) => line.startsWith("fxfer: Whoever reads "), "it is written", 20_000);
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  const address = (await Deno.readTextFile(file)).trim();
  // As a machine with several addresses writes it; at the first one nobody listens.
  const nowhere = address.replace(/@127\.0\.0\.2:\d+/, "@127.0.0.3:9");
  await Deno.writeTextFile(file, `${nowhere}\n${address}\n`);
  const sent = await fxfer(["send", "-q", "--address-file", file, "photo.png"], { cwd: from.path });
  assert.deepEqual([sent.code, sent.err], [0, ""]);
  const { out, err } = await end(run);
  assert.equal(out, "");
  assert.ok(!err.includes(secretOf(address)));
  assert.equal((await listStored(at.join("storage"))).length, 1);
});

Deno.test("the flags of --share are refused alone and with what they make themselves", async () => {
  await using at = await TempDir.make();
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["--once", "--can", "put"], "--once goes with --share; --can goes with --share"],
    [["--share", "--keys", "k"], "--share makes a key: --keys goes without"],
    [["--share", "--workers", "2"], "--share has one worker: --workers goes without"],
    [
      ["--share", "--for", "soon"],
      '--for: wanted a time such as 1h, of at most 23 days, found "soon"',
    ],
    [["--share", "--can", "all"], '--can: wanted some of put, get, list, remove, found "all"'],
  ];
  for (const [args, faults] of cases) {
    const { code, err } = await fxfer(["serve", ...args], { cwd: at.path });
    assert.deepEqual([code, err], [1, `fxfer: ${faults} (see fxfer serve --help)\n`]);
  }
});

Deno.test({
  name: "--share works in the sandbox, where its key and certificate last as long as it does",
  ignore: ignore || Deno.env.has("FXFER_BIN"), // its permissions are baked in
}, async () => {
  await using at = await TempDir.make();
  await using from = await folder();
  const options = { cwd: at.path, flags: FLAGS_W };
  const run = start(["serve", "--share", ...HOST], options);
  const address = await run.output.wait(
    (line) => line.startsWith("fxfers://"),
    "the address",
    20_000,
  );
  const sent = await fxfer(["send", "-q", address, "photo.png"], { cwd: from.path });
  assert.deepEqual([sent.code, sent.err], [0, ""]);
  await end(run);
  assert.equal((await listStored(at.join("storage"))).length, 1);
  const nowhere = await fxfer(["serve", "--share", "-q"], options);
  assert.deepEqual([nowhere.code, nowhere.err], [
    1,
    "fxfer: Cannot share: the addresses of this machine are unknown; name the one to listen on with " +
    "--host, or run with --allow-sys=networkInterfaces\n",
  ]);
});

/** Whether this user may record what crosses the loopback interface. */
async function mayRecord(): Promise<boolean> {
  const dumpcap = findProgram("dumpcap");
  if (dumpcap === undefined || Deno.build.os !== "linux") return false;
  const { success } = await new Deno.Command(dumpcap, {
    args: ["-i", "lo", "-a", "duration:1", "-c", "1", "-w", "/dev/null", "-q"],
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}

if (findProgram("tshark") !== undefined && !await mayRecord()) {
  const name =
    "S-TLS-1 what crosses the network is TLS [skipped: this user may not record packets]";
  Deno.test({ name, ignore: true, fn: () => {} });
} else {
  testWith(
    ["tshark"],
    "S-TLS-1 what crosses the network is TLS, and nothing in it can be read",
    async (tshark) => {
      await using at = await TempDir.make();
      await using from = await TempDir.make();
      const contents = `${"A secret that nobody else may read. ".repeat(4000)}\n`;
      await Deno.writeTextFile(from.join("diary-of-anna.txt"), contents);
      await Deno.writeFile(from.join("noise.bin"), new Random(12).bytes(100_000));
      const { run, address } = await share(at.path);
      const [, port] = /:(\d+)\?/.exec(address)!;
      const capture = at.join("capture.pcapng");
      const filter = `tcp port ${port}`;
      const recorder = new Deno.Command(findProgram("dumpcap")!, {
        args: ["-i", "lo", "-f", filter, "-w", capture, "-q"],
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      // It says where it writes to once it records.
      const reader = recorder.stderr.pipeThrough(new TextDecoderStream()).getReader();
      for (let said = ""; !said.includes("File:");) said += (await reader.read()).value ?? "File:";
      const sent = await fxfer(["send", address, "diary-of-anna.txt", "noise.bin"], {
        cwd: from.path,
      });
      assert.equal(sent.code, 0, sent.err);
      const listed = await fxfer(["ls", address], { cwd: from.path });
      assert.match(listed.out, /diary-of-anna\.txt/);
      const got = await fxfer(["get", "-q", address, "diary-of-anna.txt", "-o", "back.txt"], {
        cwd: from.path,
      });
      assert.equal(got.code, 0, got.err);
      assert.equal(await Deno.readTextFile(from.join("back.txt")), contents);
      const size = async () => (await Deno.stat(capture)).size;
      await until(async () => await size() > 400_000, "all of it is recorded", 15_000);
      recorder.kill("SIGINT");
      await reader.cancel();
      await recorder.status;
      // Not before: another test may get the port, and record itself here.
      await end(run);

      const fields = ["content_type", "opaque_type"].flatMap((
        name,
      ) => ["-e", `tls.record.${name}`]);
      const decode = ["-r", capture, "-d", `tcp.port==${port},tls`, "-T", "fields", ...fields];
      const shown = await new Deno.Command(tshark, { args: decode, env: { HOME: at.path } })
        .output();
      const types = new Set(new TextDecoder().decode(shown.stdout).match(/\d+/g));
      assert.ok(types.has("22") && types.has("23"), "handshakes, and records that are encrypted");
      for (const type of types) assert.ok(["20", "21", "22", "23"].includes(type), type);
      const bytes = new TextDecoder("latin1").decode(await Deno.readFile(capture));
      for (
        const word of [secretOf(address), "fxfer_share", "diary-of-anna", "nobody else", "version"]
      ) {
        assert.ok(!bytes.includes(word), word);
      }
    },
  );
}
