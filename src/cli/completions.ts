/** `fxfer completions`: scripts that let a shell complete, made from the tables of the commands. @module */
import { SETTINGS } from "../config/mod.ts";
import type { Output } from "../terminal/mod.ts";
import { type CommandSpec, HELP_OPTION, type OptionSpec, type ParsedArgs } from "./args.ts";
import { type Command, type CommandTable, loadAll } from "./command.ts";
import { topicsFor } from "./help/topics.ts";

/** Makes the script for a program with these commands. */
type Script = (program: string, specs: readonly CommandSpec[]) => string;

const SHELLS: Readonly<Record<string, Script>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/**
 * `fxfer completions`, or the same command of another program.
 *
 * @param program The program's name, such as `fxfer`.
 * @param table Every command of the program, this one too.
 */
export function completionsCommand(program: string, table: CommandTable): Command {
  return {
    spec: {
      name: "completions",
      summary: `Print what a shell needs to complete ${program}'s commands and flags`,
      operands: { name: "bash|zsh|fish", min: 1, max: 1, words: Object.keys(SHELLS) },
      options: {},
      details: [
        "To load them, for example in the start-up file of the shell:",
        `  bash: source <(${program} completions bash)\n` +
        `  zsh:  source <(${program} completions zsh)\n` +
        `  fish: ${program} completions fish | source`,
      ],
    },
    run: async (args: ParsedArgs, { out }: Output) => {
      const specs = (await loadAll(table)).map(({ spec }) => spec);
      out.line(SHELLS[args.operands[0]!]!(program, specs).trimEnd());
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

/** The words to offer for the value of a flag; undefined where files are offered instead. */
function valuesOf({ words, setting }: OptionSpec): string | undefined {
  const offered = words ?? SETTINGS.get(setting ?? "")?.kind.words ?? [];
  return offered.length === 0 ? undefined : offered.join(" ");
}

function bashScript(program: string, specs: readonly CommandSpec[]): string {
  const fn = identifier(program);
  const flags = specs.map((spec) => `    "${spec.name} -"*) words="${flagsOf(spec).join(" ")}" ;;`);
  const operands = specs.flatMap(({ name, operands }) =>
    operands?.words === undefined ? [] : [`    "${name} "*) words="${operands.words.join(" ")}" ;;`]
  );
  const values = specs.flatMap(({ name, options }) =>
    Object.entries(options).flatMap(([flag, option]) => {
      const words = valuesOf(option);
      return words === undefined ? [] : [`    "${name} --${flag}") words="${words}" ;;`];
    })
  );
  const commands = specs.map(({ name }) => name).join(" ");
  return `# ${program} completion for bash
${fn}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${commands} help --help --version"
  else
    case "\${COMP_WORDS[1]} $before" in
${values.join("\n")}
    *" --set") compopt -o nospace 2>/dev/null; words="${settings()}" ;;
    *) case "\${COMP_WORDS[1]} $current" in
    "help "*) words="${[commands, ...topicNames(specs)].join(" ")}" ;;
${[...flags, ...operands].join("\n")}
    esac ;;
    esac
  fi
  if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$current"))
  else COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F ${fn} ${program}
`;
}

/** The topics of `help` that do not share their name with a command. */
function topicNames(specs: readonly CommandSpec[]): string[] {
  const commands = specs.map(({ name }) => name);
  return [...topicsFor(commands).keys()].filter((name) => !commands.includes(name));
}

/** A shell function's name: `_fxfer_server`. */
const identifier = (program: string): string => `_${program.replaceAll("-", "_")}`;

/** A text in the single quotes of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function zshScript(program: string, specs: readonly CommandSpec[]): string {
  const fn = identifier(program);
  const bracketed = (text: string) => text.replace(/[[\]:]/g, "\\$&");
  const option = ([name, option]: readonly [string, OptionSpec]) => {
    const { value, help, multiple } = option;
    const words = valuesOf(option);
    const offered = words === undefined ? "_files" : `(${words})`;
    const tail = value === undefined ? "" : `:${bracketed(value)}:${offered}`;
    return quoted(`${multiple ? "*" : ""}--${name}[${bracketed(help)}]${tail}`);
  };
  const branches = specs.map((spec) => {
    const { name, words } = spec.operands ?? {};
    const rest = name === undefined
      ? []
      : [quoted(`*:${bracketed(name)}:${words ? `(${words.join(" ")})` : "_files"}`)];
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
    for (const [name, option] of optionsOf(spec)) {
      const { value, short, help } = option;
      const words = valuesOf(option);
      const offered = words === undefined ? " -r -F" : ` -x -a ${quoted(words)}`;
      const taken = value === undefined ? "" : offered;
      const letter = short === undefined ? "" : ` -s ${short}`;
      lines.push(`complete -c ${program} ${here} -l ${name}${letter}${taken} -d ${quoted(help)}`);
    }
    const words = spec.operands?.words;
    if (words !== undefined) {
      lines.push(`complete -c ${program} ${here} -a ${quoted(words.join(" "))}`);
    } else if (spec.operands !== undefined) lines.push(`complete -c ${program} ${here} -F`);
  }
  return lines.join("\n");
}
