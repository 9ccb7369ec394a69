/**
 * Servers whose file calls fail when a test says so: a program of the tests in this folder, which reads
 * orders and writes answers, one JSON a line.
 *
 * Two servers share a folder and a store, as two machines do; with the store in memory, or in tier W, there
 * is one.
 *
 * @module
 */
import { FxferError } from "../../src/errors.ts";
import { serve, type Server } from "../../src/server/mod.ts";
import { compactManifest } from "../../src/storage/compaction.ts";
import { DiskStorage, type Durability, type Tier } from "../../src/storage/mod.ts";
import { MemorySessionStore, type SessionStore } from "../../src/store/mod.ts";
import { inRedis, inSqlite } from "../helpers/instances.ts";
import { readLines } from "../helpers/lines.ts";
import { arm, heal, type Order, reached, watchDeno } from "./file_faults.ts";

/** What the servers are. */
export interface Setting {
  readonly folder: string;
  /** `memory`, a SQLite file, or the URL of a Redis. */
  readonly store: string;
  readonly tier: Tier;
  readonly level: Durability;
  /** Where the storage keeps what is its own, if not in the folder. */
  readonly state?: string;
  /** Whether files keep their names. */
  readonly named?: boolean;
}

/** What the program is told. */
export type Command =
  | { readonly do: "open"; readonly setting: Setting }
  | { readonly do: "arm"; readonly order: Order }
  | { readonly do: "heal" | "sites" | "check" | "sweep" | "read" | "compact" | "close" };

/** What it answers; `error` is a code where the command failed. */
export interface Answer {
  readonly error?: string;
  readonly ports?: readonly number[];
  readonly hits?: number;
  readonly sites?: readonly (readonly [site: string, name: string])[];
}

interface Running {
  readonly folder: string;
  readonly state: string | undefined;
  readonly server: Server;
  readonly storage: DiskStorage;
  readonly store: SessionStore;
  readonly opened: AsyncDisposableStack;
}

let running: Running[] = [];

async function start(setting: Setting, name: string) {
  const { folder, store: place, tier, level, state, named = false } = setting;
  await using opened = new AsyncDisposableStack();
  const storage = opened.use(
    await DiskStorage.open(folder, {
      ...{ tier, durability: level, naming: named ? "original" : "session_aware" },
      ...(state !== undefined && { state }),
    }),
  );
  const open = place.startsWith("redis:") ? inRedis(place) : inSqlite(place);
  const store = place === "memory" ? opened.use(new MemorySessionStore()) : await open(opened);
  const server = serve({
    port: 0,
    rate: "off",
    drainTimeoutMs: 200,
    storage,
    store,
    maxRequestSize: 100_000_000,
    stateful: { instance: name },
    anonymous: ["put", "get", "list", "remove"],
  });
  running.push({ folder, state, server, storage, store, opened: opened.move() });
}

async function close(): Promise<void> {
  const all = running;
  running = [];
  for (const { server, opened } of all) {
    await server.shutdown();
    await opened.disposeAsync();
  }
}

async function obey(command: Command): Promise<Answer> {
  switch (command.do) {
    case "open": {
      const { setting } = command;
      await start(setting, "a");
      // In tier W upload ids hold for one process only.
      if (setting.store !== "memory" && setting.tier === "RW") await start(setting, "b");
      return { ports: running.map(({ server }) => server.addr.port) };
    }
    case "arm":
      arm(command.order);
      return {};
    case "heal":
      return { hits: heal() };
    case "sites":
      return { sites: reached() };
    case "sweep":
      await running.at(-1)?.storage.sweep?.(() => false).catch(() => {}); // the server logs it
      return {};
    case "check":
      await running[0]!.storage.check();
      return {};
    case "read":
      for await (const { name } of Deno.readDir(`${running[0]!.folder}/.incoming`)) {
        const temporaryPath = `.incoming/${name}`;
        const { size } = await Deno.stat(`${running[0]!.folder}/${temporaryPath}`);
        const pieces = running[0]!.storage.partials!.read!({ temporaryPath, offset: size });
        // deno-lint-ignore no-empty -- that it can be read to its end is all
        for await (const _ of pieces) {}
      }
      return {};
    case "compact":
      await compactManifest(running[0]!.folder, running[0]!.state);
      return {};
    case "close":
      await close();
      return {};
  }
}

if (import.meta.main) {
  watchDeno();
  let turn = Promise.resolve();
  const answer = (line: string) => {
    turn = turn.then(async () => {
      const said = await obey(JSON.parse(line)).catch(async (error) => {
        if (JSON.parse(line).do === "open") await close().catch(() => {});
        return { error: error instanceof FxferError ? error.code : String(error) };
      });
      await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(said)}\n`));
    });
  };
  await readLines(Deno.stdin.readable, answer);
  await turn;
  await close();
}
