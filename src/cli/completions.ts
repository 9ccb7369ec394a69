/** `fxfer completions`: what a shell offers after Tab, made from the tables of the commands. @module */
import { SETTINGS } from "../config/mod.ts";
import {
  type CommandSpec,
  HELP_OPTION,
  type OptionSpec,
  type ParsedArgs,
  usageError,
} from "./args.ts";
import { type Command, type CommandTable, loadAll } from "./command.ts";
import { topicsFor } from "./help/topics.ts";
import type { Output } from "../terminal/mod.ts";

/** Words to offer for the values of flags that have a few; other values are files. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  mode: ["auto", "dual", "stateful", "stateless"],
  persistence: ["memory", "sqlite", "redis"],
  "log-format": ["text", "json"],
  direction: ["up", "down", "both"],
};

/** Words to offer for what follows a command; the others take files. */
const OPERANDS: Readonly<Record<string, readonly string[]>> = {
  config: ["check", "print"],
  session: ["export", "import"],
  completions: ["bash", "zsh", "fish"],
};

/** Makes the script for a program with these commands. */
type Script = (program: string, specs: readonly CommandSpec[]) => string;

const SHELLS: Readonly<Record<string, Script>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/**
 * The command; it offers itself, too.
 *
 * @param program What the program is called, such as `fxfer`.
 */
export function completionsCommand(program: string, table: CommandTable): Command {
  return {
    spec: {
      name: "completions",
      summary: `Print what a shell needs to complete ${program}'s commands and flags`,
      operands: { name: "bash|zsh|fish", min: 1, max: 1 },
      options: {},
      details: [
        `bash: source <(${program} completions bash)`,
        `zsh: source <(${program} completions zsh)`,
        `fish: ${program} completions fish | source`,
      ],
    },
    run: async (args: ParsedArgs, { out }: Output) => {
      const shell = args.operands[0]!;
      const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell]! : undefined;
      if (script === undefined) {
        throw usageError([`wanted bash, zsh or fish, found "${shell}"`], "completions");
      }
      const specs = (await loadAll(table)).map(({ spec }) => spec);
      out.line(script(program, specs).trimEnd());
      return 0;
    },
  };
}

const optionsOf = ({ options }: CommandSpec): (readonly [string, OptionSpec])[] => [
  ...Object.entries(options),
  ["help", HELP_OPTION],
];
const flagsOf = (spec: CommandSpec): string[] => optionsOf(spec).map(([name]) => `--${name}`);
const settings = (): string => [...SETTINGS.keys()].map((path) => `${path}=`).join(" ");

function bashScript(program: string, specs: readonly CommandSpec[]): string {
  const fn = identifier(program);
  const flags = specs.map((spec) => `    ${spec.name}) words="${flagsOf(spec).join(" ")}" ;;`);
  const operands = Object.entries(OPERANDS).map(([name, words]) =>
    `    ${name}) words="${words.join(" ")}" ;;`
  );
  const values = Object.entries(VALUES).map(([name, words]) =>
    `    --${name}) words="${words.join(" ")}" ;;`
  );
  return `# ${program} completion for bash
${fn}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${specs.map(({ name }) => name).join(" ")} help --help --version"
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "$before" in
${values.join("\n")}
    --set) compopt -o nospace 2>/dev/null; words="${settings()}" ;;
  esac
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "$current" in
  -*)
    case "\${COMP_WORDS[1]}" in
${flags.join("\n")}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return ;;
  esac
  case "\${COMP_WORDS[1]}" in
    help) words="${[...specs.map(({ name }) => name), ...topicNames(specs)].join(" ")}" ;;
${operands.join("\n")}
  esac
  if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$current"))
  else COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F ${fn} ${program}
`;
}

/** What `help` takes besides the commands; a topic may have the name of one. */
function topicNames(specs: readonly CommandSpec[]): string[] {
  const commands = specs.map(({ name }) => name);
  return [...topicsFor(commands).keys()].filter((name) => !commands.includes(name));
}

/** A shell function's name: `_fxfer_server`. */
const identifier = (program: string): string => `_${program.replaceAll("-", "_")}`;

/** Inside single quotes of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function zshScript(program: string, specs: readonly CommandSpec[]): string {
  const fn = identifier(program);
  const bracketed = (text: string) => text.replace(/[[\]:]/g, "\\$&");
  const option = ([name, { value, help, multiple }]: readonly [string, OptionSpec]) => {
    const words = VALUES[name];
    const offered = words === undefined ? "_files" : `(${words.join(" ")})`;
    const tail = value === undefined ? "" : `:${bracketed(value)}:${offered}`;
    return quoted(`${multiple ? "*" : ""}--${name}[${bracketed(help)}]${tail}`);
  };
  const branches = specs.map((spec) => {
    const words = OPERANDS[spec.name];
    const rest = spec.operands === undefined
      ? []
      : [quoted(`*:${bracketed(spec.operands.name)}:${words ? `(${words.join(" ")})` : "_files"}`)];
    const all = [...optionsOf(spec).map(option), ...rest];
    return `    ${spec.name}) _arguments ${all.join(" \\\n      ")} ;;`;
  });
  const commands = specs.map(({ name, summary }) => quoted(`${name}:${bracketed(summary)}`));
  return `#compdef ${program}
${fn}() {
  local -a commands=(${commands.join("\n    ")} ${quoted(`help:Show how to use ${program}`)})
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  local command="$words[2]"
  shift words; (( CURRENT-- ))
  case "$command" in
${branches.join("\n")}
    help) commands+=(${topicNames(specs).join(" ")}); _describe command commands ;;
  esac
}
compdef ${fn} ${program}
`;
}

function fishScript(program: string, specs: readonly CommandSpec[]): string {
  const names = specs.map(({ name }) => name);
  const lines = [`# ${program} completion for fish`, `complete -c ${program} -f`];
  const first = `not __fish_seen_subcommand_from ${names.join(" ")} help`;
  for (const { name, summary } of specs) {
    lines.push(`complete -c ${program} -n ${quoted(first)} -a ${name} -d ${quoted(summary)}`);
  }
  const helped = quoted([...names, ...topicNames(specs)].join(" "));
  lines.push(`complete -c ${program} -n '__fish_seen_subcommand_from help' -a ${helped}`);
  for (const spec of specs) {
    const here = `-n '__fish_seen_subcommand_from ${spec.name}'`;
    for (const [name, { value, short, help }] of optionsOf(spec)) {
      const words = VALUES[name];
      const taken = value === undefined
        ? ""
        : words === undefined
        ? " -r -F"
        : ` -x -a ${quoted(words.join(" "))}`;
      const letter = short === undefined ? "" : ` -s ${short}`;
      lines.push(`complete -c ${program} ${here} -l ${name}${letter}${taken} -d ${quoted(help)}`);
    }
    const words = OPERANDS[spec.name];
    if (words !== undefined) {
      lines.push(`complete -c ${program} ${here} -a ${quoted(words.join(" "))}`);
    } else if (spec.operands !== undefined) lines.push(`complete -c ${program} ${here} -F`);
  }
  return lines.join("\n");
}
