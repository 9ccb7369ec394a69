/** Changes of the world that many steps share. @module */
import type { SessionRecord } from "../../../src/session/mod.ts";
import type { Client, Rules, Server, World } from "./world.ts";

export const withServer = (world: World, at: number, change: Partial<Server>): World => ({
  ...world,
  servers: world.servers.map((server, i) => i === at ? { ...server, ...change } : server) as [
    Server,
    Server,
  ],
});

export const withClient = (world: World, at: number, change: Partial<Client>): World => ({
  ...world,
  clients: world.clients.map((client, i) => i === at ? { ...client, ...change } : client) as [
    Client,
    Client,
  ],
});

/** What a server has that holds no session. */
export const NOTHING: Server = { held: null, job: null, journal: null, found: [] };

/** Saves what a server has made of the record it held; undefined if the store refuses it. */
export function save(
  rules: Rules,
  world: World,
  at: number,
  next: SessionRecord,
): World | undefined {
  const { record } = world;
  if (rules.compareAndSet && record?.version !== next.version - 1) return undefined;
  return withServer({ ...world, record: next }, at, { held: next });
}

/** A server lets go of the session: its client is told so, and stays away (S-TAKE-5). */
export function displaced(world: World, at: number): World {
  const without = withServer(world, at, NOTHING);
  return without.clients.reduce(
    (all, client, i) =>
      client.at === at ? withClient(all, i, { at: null, asked: null, over: true }) : all,
    without,
  );
}
