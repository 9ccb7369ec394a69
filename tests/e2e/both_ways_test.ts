/** A folder goes to a server that keeps names, and comes back, with cuts on the way. @module */
import assert from "node:assert/strict";
import { proxied } from "../helpers/fault_proxy.ts";
import { fxfer, start } from "../helpers/fxfer.ts";
import { readTree, writeOddTree } from "../helpers/odd_tree.ts";
import { serving, until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const MIB = 1 << 20;
const CUTS = 5;
/** The long form is a folder of 3 GB with 5,000 files. */
const LONG = Deno.env.get("FXFER_LONG") !== undefined;
const SIZE = LONG ? { files: 5000, bytes: 3_000_000_000 } : { files: 300, bytes: 24 * MIB };

const test = serving("both ways", {
  args: ["--keep-names"],
  set: { "security.anonymous": "put,get,list,remove" },
});
const to = ({ port }: { readonly port: number }) => ["--port", String(port)];

/** Cuts the first connections, each after some of the bytes that go one way. */
function cuts(way: "up" | "down") {
  const after = Math.floor(SIZE.bytes / (CUTS + 2));
  return (connection: number) =>
    connection < CUTS ? { [way]: { faults: [{ after, kind: "reset" as const }] } } : {};
}

test("a folder with odd names goes there and back through five cuts each way, and is the same", async (server) => {
  await using folder = await TempDir.make();
  await Deno.mkdir(folder.join("tree"));
  await writeOddTree(folder.join("tree"), 13, SIZE);
  const tree = await readTree(folder.join("tree"));
  {
    await using up = await proxied(server, cuts("up"));
    const sent = await fxfer(["send", ...to(up.proxy), "-q", "-r", "tree"], { cwd: folder.path });
    assert.deepEqual([sent.code, sent.err, sent.out], [0, "", ""]);
    assert.equal(up.events.all.filter(({ type }) => type === "fault").length, CUTS);
  }
  {
    await using down = await proxied(server, cuts("down"));
    const got = await fxfer(["get", ...to(down.proxy), "-q", "-r", "tree", "-o", "back"], {
      cwd: folder.path,
    });
    assert.deepEqual([got.code, got.err, got.out], [0, "", ""]);
    assert.equal(down.events.all.filter(({ type }) => type === "fault").length, CUTS);
  }
  assert.deepEqual(await readTree(folder.join("back/tree")), tree);
  // Nothing of it is sent or fetched again.
  const again = await fxfer(["send", ...to(server), "--if-new", "-r", "tree"], {
    cwd: folder.path,
  });
  assert.deepEqual([again.code, again.out], [0, ""]);
  assert.match(again.err, new RegExp(`^${tree.size} files already there: 0 B in`, "m"));
  const back = await fxfer(["get", ...to(server), "-r", "tree", "-o", "back"], {
    cwd: folder.path,
  });
  assert.match(back.err, new RegExp(`^${tree.size} files there already: 0 B in`, "m"));
});

test("get goes on after Ctrl-C and after a kill, with what is there", async (server) => {
  await using folder = await TempDir.make();
  const bytes = new Uint8Array(24 * MIB).map((_, at) => at >> 12 ^ at);
  await Deno.writeFile(folder.join("large.bin"), bytes);
  await fxfer(["send", ...to(server), "-q", "large.bin"], { cwd: folder.path });
  await Deno.mkdir(folder.join("out"));
  const args = ["get", ...to(server), "large.bin", "-o", "out"];
  let before = 0;
  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    const run = start([...args, "--limit-rate", "16MiB"], { cwd: folder.path });
    const sizeOf = async () => {
      for await (const { name } of Deno.readDir(folder.join("out"))) {
        return (await Deno.stat(folder.join("out", name))).size;
      }
      return 0;
    };
    await until(async () => await sizeOf() > before + 3 * MIB, "a part is there", 20_000);
    run.kill(signal);
    const { code, err } = await run.ended;
    assert.equal(code, signal === "SIGINT" ? 130 : 137);
    if (signal === "SIGINT") assert.match(err, /^fxfer: Interrupted: the same command goes on$/m);
    const names = [...Deno.readDirSync(folder.join("out"))].map(({ name }) => name);
    assert.equal(names.length, 1);
    assert.match(names[0]!, /^large\.bin\.[0-9a-f]{16}\.part$/);
    const size = await sizeOf();
    assert.ok(size > before && size < bytes.length, `${before} < ${size}`);
    before = size;
  }
  const last = await fxfer([...args, "--json"], { cwd: folder.path });
  assert.equal(last.code, 0, last.err);
  assert.equal(JSON.parse(last.out.split("\n")[0]!).offset, before);
  assert.deepEqual(await Deno.readFile(folder.join("out/large.bin")), bytes);
});

test("a part file whose bytes are wrong is fetched again from its start", async (server) => {
  await using folder = await TempDir.make();
  await Deno.writeTextFile(folder.join("text"), "0123456789");
  const sent = await fxfer(["send", ...to(server), "--json", "--name", "damaged", "text"], {
    cwd: folder.path,
  });
  const { sha256 } = JSON.parse(sent.out.split("\n")[1]!);
  await Deno.writeTextFile(folder.join(`damaged.${sha256.slice(0, 16)}.part`), "0X2");
  const { code, err } = await fxfer(["get", ...to(server), "damaged"], { cwd: folder.path });
  assert.equal(code, 0, err);
  assert.equal(await Deno.readTextFile(folder.join("damaged")), "0123456789");
  assert.equal([...Deno.readDirSync(folder.path)].length, 2);
});
