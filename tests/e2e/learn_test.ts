/** `fxfer learn`: each lesson happens, and its answer is what happened. @module */
import assert from "node:assert/strict";
import { plainText } from "../../src/cli/help/plain_text.ts";
import { isRight, LESSONS, readLesson } from "../../src/cli/learn/lessons.ts";
import { Stage } from "../../src/cli/learn/stage.ts";
import { TextStream } from "../../src/terminal/output.ts";
import { Screen } from "../cli/screen.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

/** How the question of each lesson comes out; that of the third depends on when the reset arrives. */
const ANSWERS: readonly (string | undefined)[] = [
  "3",
  "3",
  undefined,
  "session_taken_over",
  "50000",
  "session_unknown",
];

/** What must be seen in each lesson, in this order. */
const SEEN: readonly (readonly RegExp[])[] = [
  [
    /connection 1 is cut/,
    /← session_resumed/,
    /connection 2 is cut/,
    /← session_resumed/,
    /← ok #4/,
  ],
  [/connection 1 is cut/, /← ok +stored/, /connection 3 is cut/, /← ok #1/, /replayed: true/],
  [/connection 1 is cut/, /← session_resumed +next is #\d, has/, /← ok #4/, /4194304 bytes/],
  [/← session_taken_over/, /← session_resumed/, /← ok #2/, /another file: \w/],
  [/← session_unknown/, /← session_resumed +next is #2, has 48\.8 KiB/],
  [/← ok/, /← ok/, /← session_unknown/, /← session_resumed/],
];

Deno.test("Every command line of a lesson is shown as a line of its own", async () => {
  let count = 0;
  for (const lesson of LESSONS) {
    const { exercise } = await readLesson(lesson);
    const commands = exercise.split("\n").filter((line) => /^ *fxfer [a-z]+ /.test(line + " "));
    const shown = plainText(exercise).split("\n").map((line) => line.trim());
    for (const command of commands) assert.ok(shown.includes(command.trim()), command);
    count += commands.length;
  }
  assert.ok(count > 9, `${count}`);
});

for (const [at, lesson] of LESSONS.entries()) {
  Deno.test(`Lesson ${at + 1}, ${lesson.title}, happens as its text says`, async () => {
    const screen = new Screen();
    let right: string;
    {
      await using stage = await Stage.open(new TextStream(screen));
      right = await lesson.play(stage);
    }
    if (ANSWERS[at] !== undefined) assert.equal(right, ANSWERS[at], screen.text);
    let from = 0;
    for (const wanted of SEEN[at]!) {
      const found = screen.lines.findIndex((line, index) => index >= from && wanted.test(line));
      assert.ok(found >= 0, `${wanted} in its place of\n${screen.text}`);
      from = found + 1;
    }
    assert.deepEqual(screen.lines.filter((line) => [...line].length > 80), []);
    if (at === 2) {
      const wire = /(\d+) bytes of files went/.exec(screen.text.replaceAll("\n", " "))!;
      assert.equal(right, String(Number(wire[1]) - 4_194_304));
    }
    for (const part of Object.values(await readLesson(lesson))) assert.ok(part.length > 30, part);
  });
}

Deno.test("isRight() takes an answer as people write it", { permissions: "none" }, () => {
  for (const answer of ["50000", "50,000", " 50 000.\n"]) assert.ok(isRight(answer, "50000"));
  assert.ok(isRight("`Session_Unknown`", "session_unknown"));
  for (const answer of ["", "5000", "session unknown"]) {
    assert.ok(!isRight(answer, "session_unknown") && !isRight(answer, "50000"), answer);
  }
});

Deno.test("fxfer learn lists its lessons, judges an answer, and leaves nothing", async () => {
  await using folder = await TempDir.make();
  const env = { TMPDIR: folder.path, TMP: folder.path };
  const learn = (...args: string[]) => fxfer(["learn", ...args], { cwd: folder.path, env });
  const list = await learn();
  assert.deepEqual([list.code, list.out.match(/^ {2}fxfer learn \d/gm)?.length], [0, 6]);
  const asked = await learn("6");
  assert.equal(asked.code, 0, asked.err);
  assert.match(asked.out, /\nQuestion\n[^]*\nTo answer: fxfer learn 6 --answer TEXT\n$/);
  assert.ok(!asked.out.includes("Exercise"));
  const right = await learn("6", "--answer", "session_unknown");
  assert.equal(right.code, 0, right.err);
  assert.match(right.out, /\nRight\.\n[^]*\nExercise\n/);
  const wrong = await learn("6", "--answer", "ok");
  assert.equal(wrong.code, 3);
  assert.match(wrong.out, /\nNo: it is session_unknown\.\n[^]*\nExercise\n/);
  assert.deepEqual([...Deno.readDirSync(folder.path)], [], "nothing is left");
});

Deno.test("fxfer learn names what is wrong", async () => {
  await using folder = await TempDir.make();
  for (
    const [args, text] of [[["7"], /wanted 1, 2.* or 6/], [
      ["--answer", "x"],
      /needs a LESSON/,
    ]] as const
  ) {
    const { code, out, err } = await fxfer(["learn", ...args], { cwd: folder.path });
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, text);
  }
});

testWith(["script"], "fxfer learn reads the answer from a terminal", async (script) => {
  await using folder = await TempDir.make();
  const program = `${Deno.execPath()} run -A ${new URL("../../main.ts", import.meta.url).pathname}`;
  const child = new Deno.Command(script, {
    args: ["-qec", `${program} learn 6`, folder.join("typescript")],
    ...{ stdin: "piped", stdout: "piped", stderr: "null", env: { NO_COLOR: "1" } },
  }).spawn();
  const writer = child.stdin.getWriter();
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    const isAsked = text.includes("Your answer");
    text += part;
    if (!isAsked && text.includes("Your answer")) {
      await writer.write(new TextEncoder().encode("session_unknown\n"));
    }
  }
  await writer.close().catch(() => {});
  assert.equal((await child.status).code, 0, text);
  assert.match(text, /Right\./);
});
