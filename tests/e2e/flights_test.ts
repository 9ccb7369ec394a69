/**
 * How many round trips a command takes. A road to the server holds every answer back for a while: what the
 * client sends in that time has not waited for the answer. So flights are counted, and no time is measured.
 */
import assert from "node:assert/strict";
import { fxfer } from "../helpers/fxfer.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { Road } from "../helpers/road.ts";
import { assertStores, serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const test = serving("flights", { set: { "security.anonymous": "put,get,list" } });

/** A folder with small files, and a state folder that is there. */
async function withFiles(number: number): Promise<TempDir> {
  const folder = await TempDir.make();
  await Deno.mkdir(folder.join(".fxfer"));
  for (let n = 0; n < number; n++) await Deno.writeFile(folder.join(`${n}.txt`), utf8(`file ${n}`));
  return folder;
}

for (const number of [1, 5]) {
  test(`S-CON-9 S-DIS-1 ${number} small files are sent in two flights, and in one to a server that is known`, async (server) => {
    await using road = new Road(server);
    await using folder = await withFiles(number);
    const names = Array.from({ length: number }, (_, n) => `${n}.txt`);
    const send = async (expected: number) => {
      const args = ["send", "--json", "--port", String(road.port), ...names];
      const { code, out, err } = await fxfer(args, { cwd: folder.path });
      assert.equal(code, 0, err);
      assert.equal(out.match(/"event":"stored"/g)?.length, number, out);
      assert.equal(road.flights.at(-1), expected, `${road.flights}`);
    };
    await send(2);
    await send(1);
    await send(1);
    assert.equal(road.flights.length, 3, "one connection each");
    assert.deepEqual([...Deno.readDirSync(folder.join(".fxfer"))].map(({ name }) => name), [
      "send_servers.json",
    ]);
  });
}

test("S-DIS-1 a file in two frames is sent in two flights: the disconnect goes out behind the second frame", async (server) => {
  await using road = new Road(server);
  await using folder = await withFiles(0);
  await Deno.writeFile(folder.join("large.bin"), new Uint8Array(12 * 1024 * 1024));
  const args = ["send", "--port", String(road.port), "large.bin"];
  const { code, err } = await fxfer(args, { cwd: folder.path });
  assert.equal(code, 0, err);
  assert.deepEqual(road.flights, [2]);
});

test("S-CON-9 the question of --if-new goes out with the connect to a server that is known", async (server) => {
  await using road = new Road(server);
  await using folder = await withFiles(1);
  const name = `${crypto.randomUUID()}.txt`;
  await Deno.rename(folder.join("0.txt"), folder.join(name));
  for (const [flights, files] of [[3, 1], [2, 0]] as const) {
    const args = ["send", "--if-new", "--port", String(road.port), name];
    await assertStores(server, files, async () => {
      const { code, err } = await fxfer(args, { cwd: folder.path });
      assert.equal(code, 0, err);
    });
    assert.equal(road.flights.at(-1), flights);
  }
});

test("a folder that was made for it stays, whatever becomes of the first command", async (server) => {
  await using folder = await withFiles(0);
  const args = ["send", "--port", String(server.port), "missing.txt"];
  assert.notEqual((await fxfer(args, { cwd: folder.path })).code, 0);
  assert.equal(await Deno.readTextFile(folder.join(".fxfer/send_servers.json")), "{}");
});

test("S-CON-9 a file that somebody has changed is no hint, and what it says may be wrong", async (server) => {
  await using road = new Road(server);
  await using folder = await withFiles(1);
  const path = folder.join(".fxfer/send_servers.json");
  const send = async () => {
    const { code, err } = await fxfer(["send", "--port", String(road.port), "0.txt"], {
      cwd: folder.path,
    });
    assert.equal(code, 0, err);
  };
  await send();
  const right = await Deno.readTextFile(path);
  const address = `127.0.0.1:${road.port}`;
  const terms = JSON.parse(right)[address];
  for (const text of ["", "null", "[]", "{", `{"${address}":{"features":["early"]}}`]) {
    await Deno.writeTextFile(path, text);
    await send();
    assert.equal(road.flights.at(-1), 2, text);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(path))[address], terms, text);
  }
  // The server allows less than the file says. It has run all of it, and the answers are asked for again: the
  // session has ended, and a new one finds the file by its upload id.
  const connections = road.flights.length;
  await Deno.writeTextFile(
    path,
    JSON.stringify({ [address]: { ...terms, maxInflight: 100_000 } }),
  );
  await assertStores(server, 1, send);
  assert.equal(road.flights.length, connections + 3);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(path))[address], terms);
});

test("without a state folder nothing is remembered, and nothing is left behind", async (server) => {
  await using road = new Road(server);
  await using folder = await withFiles(1);
  await Deno.remove(folder.join(".fxfer"));
  for (let n = 0; n < 2; n++) {
    const args = ["send", "--port", String(road.port), "0.txt"];
    assert.equal((await fxfer(args, { cwd: folder.path })).code, 0);
    assert.equal(road.flights.at(-1), 2);
  }
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["0.txt"]);
});
