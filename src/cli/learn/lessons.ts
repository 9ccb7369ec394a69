/**
 * The lessons. Each has a text in `lessons/`, with the parts Lesson, Question, Why and Exercise, and a
 * play: clients and servers that really run, and the right answer to the question as it came out.
 *
 * To add a lesson: its text, its play, and a line in LESSONS.
 *
 * @module
 */
import { failover, resume, scaling } from "./plays_of_places.ts";
import { connections, exactlyOnce, takeover } from "./plays_of_rules.ts";
import type { Stage } from "./stage.ts";

type TextModule = Promise<{ readonly default: string }>;

/** One lesson. */
export interface Lesson {
  readonly title: string;
  text(): TextModule;
  /** Lets it happen; returns the right answer. */
  play(stage: Stage): Promise<string>;
}

export const LESSONS: readonly Lesson[] = [
  {
    title: "Connection and session",
    text: () => import("./lessons/1.md", { with: { type: "text" } }),
    play: connections,
  },
  {
    title: "Sequence and exactly once",
    text: () => import("./lessons/2.md", { with: { type: "text" } }),
    play: exactlyOnce,
  },
  {
    title: "Resume",
    text: () => import("./lessons/3.md", { with: { type: "text" } }),
    play: resume,
  },
  {
    title: "Takeover and fencing",
    text: () => import("./lessons/4.md", { with: { type: "text" } }),
    play: takeover,
  },
  {
    title: "Stores and failover",
    text: () => import("./lessons/5.md", { with: { type: "text" } }),
    play: failover,
  },
  {
    title: "Scaling both ways",
    text: () => import("./lessons/6.md", { with: { type: "text" } }),
    play: scaling,
  },
];

/** The parts of a lesson's text; `why` is a paragraph, the others are Markdown. */
export interface LessonText {
  readonly lesson: string;
  readonly question: string;
  readonly why: string;
  readonly exercise: string;
}

/** Reads a text and divides it into its parts. @throws {RangeError} If a part is missing. */
export async function readLesson({ title, text }: Lesson): Promise<LessonText> {
  const parts = (await text()).default.split(/^## /m).map((part) => {
    const [name, ...lines] = part.split("\n");
    return [name!, lines.join("\n").trim()] as const;
  });
  const part = (name: string): string => {
    const found = parts.find(([one]) => one === name)?.[1];
    if (found === undefined || found === "") {
      throw new RangeError(`Cannot read lesson ${title}: it has no ${name}`);
    }
    return found;
  };
  const why = part("Why").replaceAll(/\s+/g, " ");
  const [lesson, question, exercise] = [part("Lesson"), part("Question"), part("Exercise")];
  return { lesson, question, why, exercise };
}

/** Whether an answer is the right one: case, blanks, commas and a full stop do not matter. */
export function isRight(answer: string, right: string): boolean {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[\s,.`"']/g, "");
  return plain(answer) === plain(right);
}
