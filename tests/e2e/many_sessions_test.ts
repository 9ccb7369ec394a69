/** A folder of many small files over a long road goes in several sessions (src/cli/send/session_pool.ts). */
import assert from "node:assert/strict";
import { readManifest } from "../helpers/files.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { Road } from "../helpers/road.ts";
import { assertStores, serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

/** How many files a session may have unanswered. */
const WINDOW = 8;
const FILES = 10 * WINDOW;

const test = serving("many sessions", { set: { "stateful.max_inflight": WINDOW } });
const alone = serving("one session", {
  set: { "stateful.max_inflight": WINDOW, "limits.per_address.sessions": 1 },
});

/** A folder with small files. */
async function withFiles(): Promise<TempDir> {
  const folder = await TempDir.make();
  await Deno.mkdir(folder.join("many"));
  for (let n = 0; n < FILES; n++) {
    await Deno.writeFile(folder.join(`many/${n}.txt`), utf8(`${n} ${crypto.randomUUID()}`));
  }
  return folder;
}

/** Sends the folder, and fails unless each file is stored once, and nothing is told but how far it is. */
async function assertSent(
  server: Parameters<typeof assertStores>[0],
  road: Road,
  ...flags: string[]
): Promise<void> {
  await using folder = await withFiles();
  await assertStores(server, FILES, async () => {
    const args = ["send", "-r", "--port", String(road.port), ...flags, "many"];
    const { code, out, err } = await fxfer(args, { cwd: folder.path });
    assert.equal(code, 0, err);
    assert.equal(out.match(/: stored as /g)?.length, FILES, out);
    for (const line of err.trimEnd().split("\n")) assert.match(line, /^\d+ files(:| stored[:,]) /);
  });
  const left = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  assert.deepEqual(left, ["many"], "no journal stays");
}

/** On a slow machine files wait for the server as well, and fewer sessions are of use. */
function assertSeveral(count: number): void {
  assert.ok(count >= 2 && count <= 4, `${count}`);
}

/** In how many sessions the last files were stored. */
async function sessionsOf(storage: string): Promise<number> {
  const lines = (await readManifest(storage)).slice(-FILES);
  return new Set(lines.map(({ path }) => String(path).split("/")[0])).size;
}

test("up to four are opened when files wait for the way", async (server) => {
  await using road = new Road(server);
  await assertSent(server, road);
  assertSeveral(road.flights.length);
  assertSeveral(await sessionsOf(server.storage));
});

test("what one of them is given is sent again in the first when the connection is lost", async (server) => {
  await using road = new Road(server, (connection) => connection === 2 ? 3000 : Infinity);
  await assertSent(server, road);
});

test("none is opened for a limited rate, or without a session", async (server) => {
  for (const flags of [["--limit-rate", "1M"], ["--mode", "stateless"]]) {
    await using road = new Road(server);
    await assertSent(server, road, ...flags);
    assert.equal(road.flights.length, 1, `${flags}`);
  }
});

alone("a server that has one session to give gets all files in that one", async (server) => {
  await using road = new Road(server);
  await assertSent(server, road);
  assertSeveral(road.flights.length);
  assert.equal(await sessionsOf(server.storage), 1);
});
