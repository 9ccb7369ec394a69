/** The library may not import the configuration, so it says its defaults itself: the same ones. @module */
import assert from "node:assert/strict";
import { serveOptions } from "../../src/app/mod.ts";
import { connect, DEFAULT_RETRIES } from "../../src/client/mod.ts";
import { readSendArgs, SEND } from "../../src/cli/send/args.ts";
import { parseCommandArgs } from "../../src/cli/args.ts";
import { DEFAULT_CONFIG, parseConfig } from "../../src/config/mod.ts";
import { DEFAULT_STATEFUL_OPTIONS } from "../../src/handler/mod.ts";
import { DEFAULT_CLOCKS, DEFAULT_RATE, DEFAULT_SERVER } from "../../src/server/mod.ts";

const pure = { permissions: "none" } as const;

const standard = serveOptions(DEFAULT_CONFIG);
const { server, storage, versions } = DEFAULT_CONFIG;

/** The part of `from` that has the keys of `like`. */
function pick(from: object, like: object): unknown {
  const values = from as Record<string, unknown>;
  return Object.fromEntries(Object.keys(like).map((key) => [key, values[key]]));
}

Deno.test("a server without options works as one with the default configuration", pure, () => {
  assert.deepEqual(pick(standard, DEFAULT_SERVER), DEFAULT_SERVER);
  assert.deepEqual(standard.clocks, DEFAULT_CLOCKS);
  assert.deepEqual(standard.rate, DEFAULT_RATE);
  assert.deepEqual(pick(DEFAULT_STATEFUL_OPTIONS, standard.stateful!), standard.stateful);
  assert.equal(DEFAULT_STATEFUL_OPTIONS.maxRequestSize, standard.maxRequestSize);
});

Deno.test("a client without options connects to a server with the default configuration", async () => {
  const original = Deno.connect;
  const asked: unknown[] = [];
  Deno.connect = (options: object): Promise<never> => {
    asked.push(pick(options, { hostname: "", port: 0 }));
    return Promise.reject(new Deno.errors.ConnectionRefused());
  };
  try {
    await assert.rejects(connect({ retries: 0 }), { code: "connection_lost" });
  } finally {
    Deno.connect = original;
  }
  assert.deepEqual(asked, [{ hostname: server.host, port: server.port }]);
});

Deno.test("fxfer send tries as often as the library's client", pure, () => {
  const args = parseCommandArgs(SEND, ["file"]);
  assert.ok(args !== "help");
  assert.equal(readSendArgs(args).retries, DEFAULT_RETRIES);
});

/** What `@default` says of an option in a source file of the library. */
async function documented(file: string, option: string): Promise<unknown> {
  const source = await Deno.readTextFile(new URL(`../../src/${file}`, import.meta.url));
  const tag = source.match(
    new RegExp(`@default {(.*)}.*\\s*\\*/\\n  readonly ${option}\\?:`),
  );
  assert.ok(tag !== null, `${file} documents the default of ${option}`);
  return JSON.parse(tag[1]!);
}

Deno.test("the documentation of the library's options says the table's defaults", async () => {
  const options: readonly (readonly [string, string, unknown])[] = [
    ["server/options.ts", "hostname", server.host],
    ["server/options.ts", "port", server.port],
    ["server/options.ts", "mode", server.mode],
    ["server/options.ts", "maxConnections", server.max_connections],
    ["server/options.ts", "drainTimeoutMs", standard.drainTimeoutMs],
    ["server/options.ts", "maxRequestSize", standard.maxRequestSize],
    ["server/options.ts", "v1", standard.v1],
    ["server/options.ts", "v1Ack", versions.v1_ack],
    ["client/types.ts", "hostname", server.host],
    ["client/types.ts", "port", server.port],
    ["client/types.ts", "retries", DEFAULT_RETRIES],
    ["storage/open.ts", "naming", storage.naming],
    ["storage/open.ts", "durability", storage.durability],
    ["storage/open.ts", "budget", storage.budget],
  ];
  for (const [file, option, value] of options) {
    assert.equal(await documented(file, option), value, `${file}: ${option}`);
  }
});

Deno.test("stateful.session_timeout is how long all sessions last, once it was changed, unless partial_timeout says else", () => {
  const day = 86_400_000;
  for (
    const [stateful, sessions, partial] of [
      [{}, 300_000, day],
      [{ session_timeout: 2 }, 2000, 2000],
      [{ session_timeout: 7200 }, 7_200_000, 7_200_000],
      [{ session_timeout: 2, partial_timeout: 60 }, 2000, 60_000],
      [{ partial_timeout: 60 }, 300_000, 60_000],
    ] as const
  ) {
    const { sessionTimeoutMs, partialTimeoutMs } = serveOptions(parseConfig({ stateful }))
      .stateful!;
    assert.deepEqual([sessionTimeoutMs, partialTimeoutMs], [sessions, partial]);
  }
});
