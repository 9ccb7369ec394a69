/**
 * The contract is enough to write a client: the one in Python, which shares no line with this project,
 * passes the vectors and the conformance kit.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { fxfer } from "../helpers/fxfer.ts";
import { type ServerTest, serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const CLIENT = pathOf("../examples/client.py");

/** Whether a `python3` is here that knows all the client uses. */
async function hasPython(): Promise<boolean> {
  const code = "import sys; sys.exit(sys.version_info < (3, 11))";
  try {
    return (await new Deno.Command("python3", { args: ["-c", code] }).output()).success;
  } catch {
    return false;
  }
}

const ignore = !await hasPython();
const test: ServerTest = ignore
  ? (name) => Deno.test.ignore(name, () => {})
  : serving("the client in Python");

test("passes the vectors of frames and dialogues", async (server) => {
  const command = new Deno.Command("python3", { args: [pathOf("run.py"), String(server.port)] });
  const { code, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, text);
  assert.match(text, /^\d\d+ vectors, 0 failed$/m);
});

test("sends files that the server then has", async (server) => {
  const command = new Deno.Command("python3", {
    args: [CLIENT, String(server.port), pathOf("frames.json"), pathOf("run.py")],
  });
  const { code, stdout } = await command.output();
  assert.equal(code, 0);
  const [first, second] = new TextDecoder().decode(stdout).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  const sizes = [pathOf("frames.json"), pathOf("run.py")].map((path) => Deno.statSync(path).size);
  assert.deepEqual([first.size, second.size], sizes);
});

Deno.test({
  name: "fxfer conformance --client finds every rule kept by the client in Python, in 150 lines",
  ignore,
  async fn() {
    await using folder = await TempDir.make();
    const { code, out } = await fxfer(
      ["conformance", "--client", `python3 ${CLIENT} {port} {file}`],
      { cwd: folder.path },
    );
    assert.equal(code, 0, out);
    assert.match(out, /^16 rules kept, 0 broken$/m);
    const lines = (await Deno.readTextFile(CLIENT)).trimEnd().split("\n").length;
    assert.ok(lines <= 150, `${lines} lines`);
  },
});
