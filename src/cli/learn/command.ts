/** `fxfer learn`: six lessons about sessions, each with something that really happens. @module */
import { FxferError } from "../../errors.ts";
import { type Output, paintOf } from "../../terminal/mod.ts";
import { wrap } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { plainText } from "../help/plain_text.ts";
import { SUMMARIES } from "../summaries.ts";
import { isRight, type Lesson, LESSONS, readLesson } from "./lessons.ts";
import { Stage } from "./stage.ts";

/** The exit code after a wrong answer: the same as that of a check that was not passed. */
const WRONG = 3;

/** The longest answer that is read, in bytes. */
const LONGEST_ANSWER = 1024;

export const LEARN_COMMAND: Command = {
  spec: {
    name: "learn",
    summary: SUMMARIES.learn,
    operands: {
      name: "LESSON",
      min: 0,
      max: 1,
      words: LESSONS.map((_, at) => String(at + 1)),
    },
    options: {
      answer: { value: "TEXT", help: "The answer to the lesson's question, for scripts" },
    },
    details: [
      "Without a number it lists the lessons. In each one clients and servers run in this process, what " +
      "crosses the wire is shown, and a question is asked. The answer is held against what happened. " +
      "Exit code 0: it was right, or none was given; 3: it was wrong.",
      "fxfer help teaching says how to use the lessons in class.",
    ],
  },
  run: runLearn,
};

async function runLearn(args: ParsedArgs, { out }: Output): Promise<number> {
  const [number] = args.operands;
  const given = args.text("answer");
  if (number === undefined && given !== undefined) args.fault("--answer needs a LESSON");
  args.mustBeRight();
  const paint = paintOf(out);
  const say = (markdown: string): void => {
    for (const line of plainText(markdown).split("\n")) out.line(line);
  };
  if (number === undefined) {
    out.line(paint("bold", "Six lessons, of ten minutes each"));
    out.line("");
    for (const [at, { title }] of LESSONS.entries()) out.line(`  fxfer learn ${at + 1}   ${title}`);
    return 0;
  }

  const lesson = LESSONS[Number(number) - 1]!;
  const text = await readLesson(lesson);
  out.line(paint("bold", `Lesson ${number}: ${lesson.title}`));
  out.line("");
  say(text.lesson);
  out.line("");
  out.line(paint("bold", "What happens"));
  const right = await happen(lesson, out);
  out.line("");
  out.line(paint("bold", "Question"));
  say(text.question);
  const answer = given ?? await ask(out);
  if (answer === undefined) {
    out.line("");
    out.line(`To answer: fxfer learn ${number} --answer TEXT`);
    return 0;
  }
  const isGood = isRight(answer, right);
  out.line("");
  out.line(isGood ? paint("green", "Right.") : paint("yellow", `No: it is ${right}.`));
  for (const line of wrap(text.why, 80)) out.line(line);
  out.line("");
  out.line(paint("bold", "Exercise"));
  say(text.exercise);
  return isGood ? 0 : WRONG;
}

/** Lets a lesson happen; nothing of it is left when the question is asked. Returns the right answer. */
async function happen({ play }: Lesson, out: Output["out"]): Promise<string> {
  await using stage = await Stage.open(out);
  const right = await play(stage);
  stage.end();
  return right;
}

/** Reads a line from a terminal; undefined where there is none, and at the end of the input. */
async function ask(out: Output["out"]): Promise<string | undefined> {
  if (!Deno.stdin.isTerminal() || !out.terminal) return undefined;
  out.line("Your answer, and Enter:");
  const buffer = new Uint8Array(LONGEST_ANSWER);
  const count = await Deno.stdin.read(buffer).catch((cause) => {
    throw new FxferError("local_io", "Cannot read the answer", { cause });
  });
  return count === null ? undefined : new TextDecoder().decode(buffer.subarray(0, count));
}
