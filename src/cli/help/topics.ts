/**
 * The topics of `fxfer help TOPIC`. A text is loaded when it is asked for, as an import, so it needs
 * no permission to read files and is inside the compiled program.
 *
 * A new topic is a line of this table and, for a text of its own, a Markdown file in this folder.
 * The contract of the wire and of the session has no copy here: it is the text of the modules that
 * keep it.
 *
 * @module
 */
import { settingsReference } from "../../config/mod.ts";
import { CODES } from "../../errors.ts";
import { moduleText, plainText } from "./plain_text.ts";

/** Each exit code of the program in a few words. */
export const EXIT_CODES: ReadonlyMap<number, string> = new Map([
  [0, "all is well"],
  [1, "wrong usage or configuration"],
  [2, "tried again until the tries were used up; can be resumed"],
  [3, "refused by the server"],
  [4, "not authorised"],
  [5, "the bytes are not what they should be"],
  [6, "sent to a version 1 server that confirms nothing"],
  [7, "another connection took the session over"],
  [8, "a local file cannot be used"],
  [9, "some files were not stored"],
  [130, "interrupted; can be resumed"],
]);

export interface Topic {
  /** One line, without full stop. */
  readonly summary: string;
  /** The command that the topic is about; a program without this command does not have the topic. */
  readonly command?: string;
  text(): string | Promise<string>;
}

type TextModule = Promise<{ readonly default: string }>;

const page = async (file: TextModule): Promise<string> => plainText((await file).default);
const contract = async (file: TextModule): Promise<string> =>
  plainText(moduleText((await file).default));

/** `fxfer help exit-codes`: under each exit code the codes of errors and replies that lead to it. */
function exitCodesText(): string {
  const codes = Object.entries(CODES);
  const left = Math.max(...codes.map(([code]) => code.length)) + 2;
  const sections = [...EXIT_CODES].flatMap(([exit, meaning]) => [
    `\n${exit}  ${meaning}`,
    ...codes.filter(([, spec]) => spec.exit === exit)
      .map(([code, { message }]) => `  ${code.padEnd(left)}${message}`),
  ]);
  return [plainText(EXIT_CODES_INTRO), ...sections].join("\n");
}

const EXIT_CODES_INTRO = `\
# Exit codes

Under each exit code are the codes of errors and replies that lead to it. After an exit that can be
resumed, the same command goes on where it was.`;

const CONFIG = `\
# Settings

Defaults come first, then config.yaml, then flags; \`--set path=value\` sets any key and may be
repeated. Times are seconds or 500ms, 5m, 1h; sizes are bytes or 64k, 10MiB. \`fxfer config print\`
shows each value with where it came from.`;

const TOPICS: Readonly<Record<string, Topic>> = {
  config: {
    summary: "Every setting with its default, and what it takes",
    command: "config",
    text: () => `${plainText(CONFIG)}\n\n${settingsReference()}`,
  },
  "exit-codes": {
    summary: "What each exit code means, and which errors lead to it",
    text: exitCodesText,
  },
  performance: {
    summary: "What a transfer and a session cost, several workers, durability",
    command: "serve",
    text: () => page(import("./performance.md", { with: { type: "text" } })),
  },
  sandbox: {
    summary: "The permissions of a server, and how it keeps files with them",
    command: "serve",
    text: () => page(import("./sandbox.md", { with: { type: "text" } })),
  },
  migration: {
    summary: "How a session moves to a server that has another store",
    command: "session",
    text: () => page(import("./migration.md", { with: { type: "text" } })),
  },
  teaching: {
    summary: "How to use the lessons, the lab and the judges in class",
    command: "learn",
    text: () => page(import("./teaching.md", { with: { type: "text" } })),
  },
  wire: {
    summary: "The contract: what is on the wire",
    text: () => contract(import("../../protocol/mod.ts", { with: { type: "text" } })),
  },
  files: {
    summary: "The contract: how files are sent, listed, fetched and removed",
    text: () => contract(import("../../protocol/files/mod.ts", { with: { type: "text" } })),
  },
  keys: {
    summary: "The contract: who is there, and codes of frames",
    text: () => contract(import("../../keys/mod.ts", { with: { type: "text" } })),
  },
  session: {
    summary: "The contract: what a session is, and its rules",
    text: () => contract(import("../../session/mod.ts", { with: { type: "text" } })),
  },
  tls: {
    summary: "How connections are encrypted, and servers verified",
    text: () => contract(import("../../tls/mod.ts", { with: { type: "text" } })),
  },
};

/** The topics of a program that has these commands, in the order of the help. */
export function topicsFor(commands: readonly string[]): ReadonlyMap<string, Topic> {
  return new Map(
    Object.entries(TOPICS).filter(([, { command }]) =>
      command === undefined || commands.includes(command)
    ),
  );
}
