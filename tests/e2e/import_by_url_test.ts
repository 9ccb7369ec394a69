import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ranToEnd } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";

const ROOT = new URL("../../", import.meta.url);

/** Serves the repository's files over HTTP, as a forge's raw files are. */
class FileServer implements AsyncDisposable {
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      try {
        const body = await Deno.readFile(fileURLToPath(new URL(`.${pathname}`, ROOT)));
        return new Response(body, { headers: { "content-type": "application/typescript" } });
      } catch {
        return new Response(null, { status: 404 });
      }
    },
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Runs a program with an empty cache, outside the repository: no deno.json and no lockfile help it. */
async function runAlone(dir: string, source: string, flags: readonly string[]) {
  await Deno.writeTextFile(`${dir}/user.ts`, source);
  return await ranToEnd(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-lock", "--check", ...flags, "user.ts"],
    cwd: dir,
    env: { DENO_DIR: `${dir}/cache`, DENO_COVERAGE_DIR: "" },
  });
}

const NAMES = [
  "Decoder",
  "DiskStorage",
  "FxferError",
  "MemorySessionStore",
  "StatefulHandler",
  "StatelessHandler",
  "connect",
  "encodeReply",
  "encodeRequest",
  "serve",
];

Deno.test("The library is imported by URL into an empty cache with --allow-import alone", async () => {
  await using files = new FileServer();
  await using dir = await TempDir.make();
  const { code, out, err } = await runAlone(
    dir.path,
    `import * as fxfer from "${files.url}mod.ts";
     import type { FileStorage, RequestHandler, SessionStore } from "${files.url}mod.ts";
     type _Contracts = [FileStorage, RequestHandler, SessionStore];
     console.log(JSON.stringify(Object.keys(fxfer)));`,
    ["--allow-import=127.0.0.1"],
  );
  assert.equal(code, 0, err);
  const names: string[] = JSON.parse(out);
  assert.deepEqual(NAMES.filter((name) => !names.includes(name)), []);
});

Deno.test("The library imported by URL moves a file between its own server and client", async () => {
  await using files = new FileServer();
  await using dir = await TempDir.make();
  const { code, out, err } = await runAlone(
    dir.path,
    `import { connect, DiskStorage, MemorySessionStore, serve } from "${files.url}mod.ts";
     await using storage = await DiskStorage.open("storage");
     await using store = new MemorySessionStore();
     await using server = serve({ storage, store, port: 0 });
     await using client = await connect({ port: server.addr.port });
     const { file } = await client.send(new Blob(["hello"]), { name: "hello.txt" });
     console.log(file?.size);`,
    ["--allow-import=127.0.0.1", "--allow-net=127.0.0.1", "--allow-write=storage"],
  );
  assert.equal(code, 0, err);
  assert.equal(out.trim(), "5");
});
