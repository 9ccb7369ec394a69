/** `fxfer completions`: scripts that let a shell complete, made from the tables of the commands. @module */
import { SETTINGS } from "../config/mod.ts";
import type { Output } from "../terminal/mod.ts";
import { type CommandSpec, HELP_OPTION, type OptionSpec, type ParsedArgs } from "./args.ts";
import { type Command, type CommandTable, loadAll } from "./command.ts";
import { topicsFor } from "./help/topics.ts";
import { SUMMARIES } from "./summaries.ts";

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
      summary: SUMMARIES.completions,
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

/** What a shell offers for the value of a flag, or for an operand. */
type Offer = "files" | "folders" | "settings" | "nothing" | readonly string[];

const offerFor = (value = ""): Offer =>
  /\bFILE\b/.test(value)
    ? "files"
    : value === "DIR"
    ? "folders"
    : value === "PATH=VALUE"
    ? "settings"
    : "nothing";

function valueOffer({ value, words, setting }: OptionSpec): Offer {
  const offered = words ?? SETTINGS.get(setting ?? "")?.kind.words ?? [];
  return offered.length > 0 ? offered : offerFor(value);
}

/** What is offered for the first operand, and for those behind it. */
function operandOffers({ operands }: CommandSpec): readonly [Offer, Offer] {
  if (operands === undefined) return ["nothing", "nothing"];
  const { name, words, max } = operands;
  const offer = offerFor(name);
  return [words ?? offer, max > 1 ? offer : "nothing"];
}

const optionsOf = ({ options }: CommandSpec): (readonly [string, OptionSpec])[] => [
  ...Object.entries(options),
  ["help", HELP_OPTION],
];
const flagsOf = (spec: CommandSpec): string[] => optionsOf(spec).map(([name]) => `--${name}`);
const settings = (): string => [...SETTINGS.keys()].map((path) => `${path}=`).join(" ");
/** The flags that mean the same: `--port` and `-p`. */
const formsOf = ([name, { short }]: readonly [string, OptionSpec]): string[] => [
  `--${name}`,
  ...(short === undefined ? [] : [`-${short}`]),
];

/** The names after `help`. */
function helpWords(specs: readonly CommandSpec[]): string[] {
  const commands = specs.map(({ name }) => name);
  const topics = [...topicsFor(commands).keys()].filter((name) => !commands.includes(name));
  return [...commands, ...topics];
}

/** A shell function's name: `_fxfer_server`. */
const identifier = (program: string): string => `_${program.replaceAll("-", "_")}`;

/** A text in the single quotes of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function bashScript(program: string, specs: readonly CommandSpec[]): string {
  const fn = identifier(program);
  const offering = (offer: Offer): string => {
    if (typeof offer !== "string") return `words="${offer.join(" ")}"`;
    if (offer === "settings") return `words="${settings()}"; compopt -o nospace 2>/dev/null`;
    return offer === "nothing" ? ":" : `kind=${offer === "files" ? "-f" : "-d"}`;
  };
  const withValue = specs.flatMap((spec) =>
    optionsOf(spec).filter(([, { value }]) => value !== undefined)
      .map((option) => ({ command: spec.name, option, forms: formsOf(option) }))
  );
  const pending = withValue.map(({ command, forms }) =>
    `      ${forms.map((form) => `"${command} ${form}"`).join("|")}) flag="${forms[0]}" ;;`
  );
  const values = withValue.map(({ command, option: [name, option] }) =>
    `    "${command} --${name}") ${offering(valueOffer(option))} ;;`
  );
  const operands = specs.map((spec) => {
    const [first, rest] = operandOffers(spec).map(offering);
    const offered = first === rest ? first : `if ((operands)); then ${rest}; else ${first}; fi`;
    return `    "${spec.name} ") if [[ $current == -* && -z $rest ]]; ` +
      `then words="${flagsOf(spec).join(" ")}"; else ${offered}; fi ;;`;
  });
  const commands = specs.map(({ name }) => name).join(" ");
  return `# ${program} completion for bash
${fn}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}"
  local words="" kind="" flag="" rest="" operands=0 at word
  COMPREPLY=()
  # The shell takes --mode=auto for three words.
  if [[ $current == = ]]; then current=""; fi
  # Which flag waits for its value, and how many operands there are before.
  for ((at = 2; at < COMP_CWORD; at++)); do
    word="\${COMP_WORDS[at]}"
    if [[ $word == = ]]; then continue; fi
    if [[ -n $flag ]]; then flag=""
    elif [[ -n $rest || $word != -* || $word == - ]]; then operands=$((operands + 1))
    elif [[ $word == -- ]]; then rest=1
    else case "$command $word" in
${pending.join("\n")}
    esac; fi
  done
  if ((COMP_CWORD == 1)); then words="${commands} help --help --version"
  else case "$command $flag" in
    "help ") if ((operands == 0)); then words="${helpWords(specs).join(" ")}"; fi ;;
${[...values, ...operands].join("\n")}
  esac; fi
  if [[ -n $kind ]]; then
    # What was typed may have the quotes and backslashes of the shell; the shell adds them again.
    current="\${current#[\\"\\']}"
    current="\${current//\\\\/}"
    compopt -o filenames -o default 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$kind" -- "$current")
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -F ${fn} ${program}
`;
}

function zshScript(program: string, specs: readonly CommandSpec[]): string {
  const fn = identifier(program);
  const bracketed = (text: string) => text.replace(/[[\]:\\]/g, "\\$&");
  const offering = (offer: Offer): string => {
    if (typeof offer !== "string") return `(${offer.join(" ")})`;
    if (offer === "settings") return `{compadd -S "" -- ${settings()}}`;
    return offer === "files" ? "_files" : offer === "folders" ? "_files -/" : " ";
  };
  const option = (named: readonly [string, OptionSpec]): string[] => {
    const { value, help, multiple } = named[1];
    const forms = formsOf(named);
    const before = multiple ? "*" : `(${forms.join(" ")})`;
    const tail = value === undefined
      ? ""
      : `:${bracketed(value)}:${offering(valueOffer(named[1]))}`;
    return forms.map((form) => {
      const joined = value === undefined ? "" : form.startsWith("--") ? "=" : "+";
      return quoted(`${before}${form}${joined}[${bracketed(help)}]${tail}`);
    });
  };
  const branches = specs.map((spec) => {
    const [first, rest] = operandOffers(spec).map(offering);
    const name = bracketed(spec.operands?.name ?? "");
    const operands = name === "" ? [] : [quoted(`1:${name}:${first}`), quoted(`*:${name}:${rest}`)];
    const all = [...optionsOf(spec).flatMap(option), ...operands];
    return `    ${spec.name}) _arguments -s ${all.join(" \\\n      ")} ;;`;
  });
  const commands = specs.map(({ name, summary }) => quoted(`${name}:${bracketed(summary)}`));
  return `#compdef ${program}
${fn}() {
  local -a commands=(${commands.join("\n    ")} ${quoted(`help:Show how to use ${program}`)})
  if (( CURRENT == 2 )); then
    if [[ $PREFIX == -* ]]; then compadd -- --help --version; else _describe command commands; fi
    return
  fi
  local command="$words[2]"
  shift words; (( CURRENT-- ))
  case "$command" in
${branches.join("\n")}
    help) if (( CURRENT == 2 )); then compadd -- ${helpWords(specs).join(" ")}; fi ;;
  esac
}
if [[ "$funcstack[1]" == ${fn} ]]; then ${fn} "$@"
else
  if (( ! $+functions[compdef] )); then autoload -Uz compinit && compinit -i; fi
  compdef ${fn} ${program}
fi
`;
}

function fishScript(program: string, specs: readonly CommandSpec[]): string {
  const fn = `_${identifier(program)}_is`;
  const offering = (offer: Offer): string => {
    if (typeof offer !== "string") return ` -x -a ${quoted(offer.join(" "))}`;
    if (offer === "settings") return ` -x -a ${quoted(settings())}`;
    if (offer === "folders") return " -x -a '(__fish_complete_directories)'";
    return offer === "files" ? " -r -F" : " -x";
  };
  const line = (condition: string, rest: string) =>
    `complete -c ${program} -n ${quoted(condition)}${rest}`;
  const lines = [
    `# ${program} completion for fish`,
    `function ${fn} -d 'Whether this is the command'`,
    "  set -l words (commandline -opc) ''",
    '  test "$words[2]" = "$argv[1]"',
    "end",
    `complete -c ${program} -f`,
    line(`${fn} ''`, " -l help -s h -d 'Show this help'"),
    line(`${fn} ''`, " -l version -s V -d 'Show the version'"),
    line(`${fn} ''`, ` -a help -d ${quoted(`Show how to use ${program}`)}`),
    line(`${fn} help`, ` -a ${quoted(helpWords(specs).join(" "))}`),
  ];
  for (const { name, summary } of specs) {
    lines.push(line(`${fn} ''`, ` -a ${name} -d ${quoted(summary)}`));
  }
  for (const spec of specs) {
    const here = `${fn} ${spec.name}`;
    for (const [name, option] of optionsOf(spec)) {
      const letter = option.short === undefined ? "" : ` -s ${option.short}`;
      const taken = option.value === undefined ? "" : offering(valueOffer(option));
      lines.push(line(here, ` -l ${name}${letter}${taken} -d ${quoted(option.help)}`));
    }
    const [first, rest] = operandOffers(spec);
    const words = typeof first === "string" ? "" : first.join(" ");
    const notYet = words === "" ? here : `${here}; and not __fish_seen_subcommand_from ${words}`;
    const seen = words === "" ? here : `${here}; and __fish_seen_subcommand_from ${words}`;
    if (words !== "") lines.push(line(notYet, ` -a ${quoted(words)}`));
    if (rest === "files" || first === "files") lines.push(line(seen, " -F"));
    if (first === "folders") lines.push(line(seen, " -a '(__fish_complete_directories)'"));
  }
  return lines.join("\n");
}
