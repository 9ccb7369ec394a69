/**
 * Every command of the README, really run: in a folder of its own, on free ports of this machine.
 * The other machine, 192.0.2.10, is this one too.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readManifest } from "../helpers/files.ts";
import { ROOT, shellCommands, textBlock } from "../helpers/readme.ts";
import { findProgram } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

const root = fileURLToPath(ROOT);

/** A command that cannot run here. */
interface NotRun {
  readonly why: string;
  /** Looks at what can be looked at instead. */
  check(line: string): Promise<void>;
}

const NOT_RUN: Readonly<Record<string, NotRun>> = {
  "npx -y deno@2.9.6 task test": {
    why: "The tests would run themselves. CI runs this line, and with it this test.",
    async check() {
      const ci = await Deno.readTextFile(`${root}.ci/run`);
      assert.match(ci, /^readonly DENO_VERSION=2\.9\.6$/m);
      assert.match(ci, /^readonly TEST_COMMAND="npx -y deno@\$DENO_VERSION task test"$/m);
    },
  },
  "deno task compile": {
    why: "The base of a program comes from a host that is not always in reach. CI runs this task.",
    async check() {
      assert.match(await Deno.readTextFile(`${root}.ci/run`), / task compile\b/);
    },
  },
};

/** Runs a line to its end and returns what it wrote to standard output. */
async function bash(line: string, cwd: string, env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-euo", "pipefail", "-c", line],
    stdin: "null",
    ...{ cwd, env },
  }).output();
  assert.equal(code, 0, `${line}\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** A server that a line of the README starts; dispose it to stop it. */
class Server implements AsyncDisposable {
  /** Its port, or the address of a share. */
  readonly place: Promise<number | string>;
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;

  constructor(line: string, cwd: string, env: Record<string, string>) {
    this.#child = new Deno.Command("bash", {
      args: ["-c", `exec ${line} --port 0 --log-format json 2>&1`],
      stdin: "null",
      stdout: "piped",
      ...{ cwd, env },
    }).spawn();
    const { promise, resolve, reject } = Promise.withResolvers<number | string>();
    this.place = promise;
    this.#read = this.#until(resolve, reject);
  }

  async #until(
    listens: (place: number | string) => void,
    fails: (error: Error) => void,
  ): Promise<void> {
    let text = "";
    for await (const part of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      const lines = text.split("\n").slice(0, -1);
      const address = lines.find((line) => line.startsWith("fxfers://"));
      if (address !== undefined) listens(address);
      const line = lines.find((line) => line.includes("server.listening"));
      const port = line && JSON.parse(line).port;
      if (port !== undefined && port !== "off") listens(port);
    }
    fails(new Error(`The server has ended; it said:\n${text}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    const { code } = await this.#child.status;
    await this.#read;
    assert.equal(code, 0, "the server stops when it is told to");
  }
}

/** Where the commands run. */
interface Place {
  readonly folder: string;
  readonly env: Record<string, string>;
}

/** Programs the README calls: this Deno, whatever its name is here, and stand-ins for the network's. */
async function makePlace(folder: string): Promise<Place> {
  const bin = `${folder}/bin`;
  await Deno.mkdir(bin);
  const script = async (name: string, text: string) => {
    await Deno.writeTextFile(`${bin}/${name}`, `#!/usr/bin/env bash\n${text}\n`, { mode: 0o755 });
  };
  const deno = `"${Deno.execPath()}"`;
  await script("deno", `exec ${deno} "$@"`);
  // npx would download the version that it names. What it would be asked for is checked here.
  await script("npx", `[ "$1 $2" = "-y deno@2.9.6" ] || exit 9; shift 2; exec ${deno} "$@"`);
  if (!await ncKnowsN()) {
    await Deno.writeTextFile(`${bin}/nc.ts`, NC);
    await script("nc", `exec ${deno} run --quiet --allow-net "${bin}/nc.ts" "$@"`);
  }
  const path = `${bin}:${folder}/installed/bin:${Deno.env.get("PATH")}`;
  return { folder, env: { PATH: path, DENO_INSTALL_ROOT: `${folder}/installed`, NO_COLOR: "1" } };
}

/** Whether there is an nc whose -N ends the writing half after standard input, as OpenBSD's does. */
async function ncKnowsN(): Promise<boolean> {
  const nc = findProgram("nc");
  if (nc === undefined) return false;
  const { stderr } = await new Deno.Command(nc, { args: ["-h"], stdin: "null" }).output();
  return /-N\s+Shutdown/i.test(new TextDecoder().decode(stderr));
}

/** What `nc -N HOST PORT` does, for machines that have another nc or none. */
const NC = `\
const [flag, hostname, port] = Deno.args;
if (flag !== "-N") throw new Error("without -N nc never says that the file is whole");
const conn = await Deno.connect({ hostname, port: Number(port) });
const replies = conn.readable.pipeTo(Deno.stdout.writable);
for await (const part of Deno.stdin.readable) await conn.write(part);
await conn.closeWrite();
await replies;
`;

/** A line as it runs here. */
function localised(line: string, place: number | string | undefined): string {
  const here = line.replaceAll("192.0.2.10", "127.0.0.1")
    .replaceAll(/(?<= )(main\.ts|deno\.json)\b/g, `'${root}$1'`);
  if (place === undefined) return here;
  if (typeof place === "string") return here.replace(/'fxfers:[^']*'/, `'${place}'`);
  return here.replace(/\bfxfer send\b/, `fxfer send --port ${place}`)
    .replace(/\b(nc -N 127\.0\.0\.1) 65432$/, `$1 ${place}`);
}

const ignore = Deno.build.os === "windows";

Deno.test({ name: "Every command of the README runs", ignore }, async (t) => {
  await using temp = await TempDir.make();
  const { folder, env } = await makePlace(temp.path);
  await Deno.mkdir(`${folder}/photos/2026`, { recursive: true });
  for (const name of ["photo.png", "notes.txt", "photos/a.png", "photos/2026/b.png"]) {
    await Deno.writeTextFile(`${folder}/${name}`, `the bytes of ${name}`);
  }
  const lines = shellCommands();
  assert.ok(lines.length > 10);
  for (const line of Object.keys(NOT_RUN)) assert.ok(lines.includes(line), line);

  await using servers = new AsyncDisposableStack();
  let place: number | string | undefined;
  const written = new Map<string, string>();
  for (const line of lines) {
    const other = NOT_RUN[line];
    const name = other === undefined ? line : `${line} [not run: ${other.why}]`;
    await t.step({
      name,
      // The servers started by earlier steps go on writing their log.
      ...{ sanitizeOps: false, sanitizeResources: false },
      async fn() {
        if (other !== undefined) return await other.check(line);
        if (/ serve\b/.test(line)) {
          place = await servers.use(new Server(localised(line, undefined), folder, env)).place;
          return;
        }
        const cwd = line.includes(" task ") ? root : folder;
        written.set(line, await bash(localised(line, place), cwd, env));
      },
    });
  }

  const stored = await readManifest(`${folder}/storage`);
  // Two files to the share, two of a folder, a stream, and one by nc.
  assert.equal(stored.length, 6);
  const [, replied] = [...written].find(([line]) => line.startsWith("printf"))!;
  const codes = replied.trimEnd().split("\n").map((line) => JSON.parse(line).code);
  assert.deepEqual(codes, [undefined, "ok"]);

  await t.step("The README's picture of the demo is what the demo shows", () => {
    const demo = written.get("npx -y deno@2.9.6 task demo")!.split("\n").map(kindOf);
    const picture = textBlock("The demo shows").map(kindOf);
    assert.ok(picture.length > 10);
    assert.deepEqual(picture.filter((line) => !demo.includes(line)), []);
  });
});

/** A line of the demo without what differs from run to run: ids, digests, numbers and their columns. */
function kindOf(line: string): string {
  return line.replaceAll(/\b[0-9a-f]{8,}…/g, "ID").replaceAll(/\d+(\.\d+)?( [KM]?i?B\b)?/g, "N")
    .replaceAll(/ +/g, " ");
}

Deno.test("Where the README calls nc, it tells nc to end its half", () => {
  const calls = shellCommands().filter((line) => /\bnc /.test(line));
  assert.equal(calls.length, 1);
  assert.match(calls[0]!, /\bnc -N /);
});
