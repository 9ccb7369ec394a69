import assert from "node:assert/strict";
import type { CommandSpec } from "../../src/cli/args.ts";
import { CHAOS } from "../../src/cli/chaos/args.ts";
import type { CommandTable } from "../../src/cli/command.ts";
import { commandHelp } from "../../src/cli/help.ts";
import { runProgram } from "../../src/cli/program.ts";
import { SEND } from "../../src/cli/send/args.ts";
import { SERVE } from "../../src/cli/serve.ts";
import { SESSION } from "../../src/cli/session/args.ts";
import { SUMMARIES } from "../../src/cli/summaries.ts";
import { FXFER_VERSION, isOlder, unfitRuntime, versionText } from "../../src/cli/version.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { CODES, FxferError } from "../../src/errors.ts";
import { type Output, TextStream } from "../../src/terminal/output.ts";
import { wrap } from "../../src/text.ts";
import { screens } from "./screen.ts";

const pure = { permissions: "none" } as const;

const COPY: CommandSpec = {
  name: "copy",
  summary: "Copy a file to another place that is far away, with every byte in the order it was in",
  operands: { name: "FILE", min: 1, max: Infinity },
  options: {
    port: { value: "PORT", short: "p", help: "Where to", setting: "server.port" },
    set: { value: "K=V", multiple: true, help: "Set something" },
  },
  details: ["More words."],
};

function commands(action: () => number | Promise<number>): CommandTable {
  return { copy: () => Promise.resolve({ spec: COPY, run: async () => await action() }) };
}

async function run(args: string[], action: () => number | Promise<number> = () => 0) {
  const { output, out, err } = screens();
  const code = await runProgram({ name: "fxfer", commands: commands(action) }, args, output);
  return { code, out: out.text, err: err.text };
}

const HELP = `\
fxfer moves files over TCP, with sessions that survive a broken connection.

Usage: fxfer COMMAND [FLAG…] …

Commands:
  copy            Copy a file to another place that is far away, with every byte
                  in the order it was in
  help [COMMAND]  Show how to use fxfer, or one of its commands
  help TOPIC      Show one of the topics below

Flags:
  -h, --help     Show this help
  -V, --version  Show the version

Topics:
  exit-codes  What each exit code means, and which errors lead to it
  wire        The contract: what is on the wire
  files       The contract: how files are sent, listed, fetched and removed
  keys        The contract: who is there, and codes of frames
  session     The contract: what a session is, and its rules
  tls         How connections are encrypted, and servers verified

Exit codes:
`;

const COPY_HELP = `\
Copy a file to another place that is far away, with every byte in the order it
was in.

Usage: fxfer copy [FLAG…] FILE…

Flags:
  -p, --port PORT  Where to (default 65432)
      --set K=V    Set something; may be repeated
  -h, --help       Show this help

More words.
`;

Deno.test("--help, -h and help show the commands and the exit codes", pure, async () => {
  for (const args of [["--help"], ["-h"], ["help"], ["help", "help"]]) {
    const { code, out, err } = await run(args);
    assert.equal(code, 0);
    assert.equal(out.slice(0, HELP.length), HELP);
    assert.equal(err, "");
  }
});

Deno.test("the help shows what every command of fxfer does, and loads none", pure, async () => {
  const { output, out } = screens();
  const load = () => assert.fail("must not be loaded");
  const table = Object.fromEntries(Object.keys(SUMMARIES).map((name) => [name, load]));
  assert.equal(await runProgram({ name: "fxfer", commands: table }, ["--help"], output), 0);
  for (const summary of Object.values(SUMMARIES)) {
    assert.match(out.text.replaceAll(/\s+/g, " "), new RegExp(RegExp.escape(summary)));
  }
});

Deno.test(
  "a command whose output is lost has not ended well; who closes a pipe knows it",
  pure,
  async () => {
    const ending = async (code: number, error: Error) => {
      const { err, output } = screens();
      const sink = {
        isTerminal: () => false,
        writeSync: () => {
          throw error;
        },
      };
      const { copy } = commands(() => code);
      const table = {
        copy: async () => ({
          ...await copy!(),
          run: (_: unknown, { out }: Output) => {
            out.line("the key");
            return Promise.resolve(code);
          },
        }),
      };
      const program = { name: "fxfer", commands: table };
      const ended = await runProgram(program, ["copy", "x"], {
        ...output,
        out: new TextStream(sink),
      });
      return [ended, err.text];
    };
    const full = new Error("No space left on device (os error 28)");
    const told = `fxfer: Cannot write to standard output: ${full.message}\n`;
    assert.deepEqual(await ending(0, full), [8, told]);
    assert.deepEqual(await ending(5, full), [5, told]);
    assert.deepEqual(await ending(0, new Deno.errors.BrokenPipe("gone")), [0, ""]);
  },
);

Deno.test(
  "the help explains every exit code of the table of codes, and no other",
  pure,
  async () => {
    const { out } = await run(["help"]);
    const shown = [...out.split("Exit codes:\n")[1]!.matchAll(/^ {2}(\d+) /gm)].map(([, code]) =>
      Number(code)
    );
    const used = new Set(Object.values(CODES).map(({ exit }) => exit));
    assert.deepEqual(shown, [...used].sort((a, b) => a - b));
  },
);

Deno.test("help COMMAND, COMMAND --help and COMMAND -h show its flags", pure, async () => {
  for (
    const args of [["help", "copy"], ["copy", "--help"], ["copy", "x", "-h"], ["--help", "copy"]]
  ) {
    assert.deepEqual(await run(args, () => assert.fail("must not run")), {
      code: 0,
      out: COPY_HELP,
      err: "",
    });
  }
});

Deno.test("every help fits 80 columns and shows every flag", pure, () => {
  for (const spec of [SERVE, SEND, SESSION, CHAOS, COPY]) {
    const help = commandHelp(spec);
    for (const line of help.split("\n")) assert(line.length <= 80, line);
    for (const flag of Object.keys(spec.options)) assert.match(help, new RegExp(` --${flag} `));
  }
});

Deno.test("the usage has an ellipsis only where any number of operands may follow", pure, () => {
  assert.match(commandHelp(SEND), /^Usage: fxfer send \[FLAG…\] FILE…$/m);
  assert.match(commandHelp(SESSION), /^Usage: fxfer session \[FLAG…\] export ID \| import FILE$/m);
});

Deno.test("wrap() keeps every word, also one longer than the line", pure, () => {
  assert.deepEqual(wrap("a bb ccc dddddddd e", 5), ["a bb", "ccc", "dddddddd", "e"]);
  assert.deepEqual(wrap("", 5), [""]);
});

Deno.test("--version and -V show the version of deno.json", pure, async () => {
  for (const flag of ["--version", "-V"]) {
    assert.deepEqual(await run([flag]), { code: 0, out: `${versionText()}\n`, err: "" });
  }
  assert.match(versionText(), /^fxfer \d+\.\d+\.\d+ \(Deno \d/);
  assert(versionText().includes(FXFER_VERSION));
});

Deno.test("no command shows the help on standard error and is wrong usage", pure, async () => {
  const { code, out, err } = await run([]);
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.equal(err.slice(0, HELP.length), HELP);
});

Deno.test("an unknown command or flag gets a did-you-mean and exit code 1", pure, async () => {
  const cases: readonly (readonly [string[], string])[] = [
    [["cpoy"], "fxfer: Unknown command cpoy, did you mean copy? (see fxfer --help)\n"],
    [["zzz"], "fxfer: Unknown command zzz (see fxfer --help)\n"],
    [["help", "copi"], "fxfer: Unknown command copi, did you mean copy? (see fxfer --help)\n"],
    [["help", "wier"], "fxfer: Unknown command wier, did you mean wire? (see fxfer --help)\n"],
    [["wier"], "fxfer: Unknown command wier (see fxfer --help)\n"],
    [["--bogus"], "fxfer: Unknown flag --bogus (see fxfer --help)\n"],
    [["--verison"], "fxfer: Unknown flag --verison, did you mean --version? (see fxfer --help)\n"],
    [["\u001b[2J"], "fxfer: Unknown command \\u001b[2J (see fxfer --help)\n"],
    [
      ["copy", "--prot", "1"],
      "fxfer: Unknown flag --prot, did you mean --port? (see fxfer copy --help)\n",
    ],
    [["copy"], "fxfer: FILE is missing (see fxfer copy --help)\n"],
  ];
  for (const [args, err] of cases) assert.deepEqual(await run(args), { code: 1, out: "", err });
});

Deno.test("a command's exit code is the program's", pure, async () => {
  assert.equal((await run(["copy", "x"], () => 9)).code, 9);
});

Deno.test(
  "an FxferError becomes one sentence and its exit code, for every code",
  pure,
  async () => {
    for (const code of Object.keys(CODES) as (keyof typeof CODES)[]) {
      const result = await run(["copy", "x"], () => {
        throw new FxferError(code, "Cannot copy x\n\u001b[31m: gone");
      });
      assert.deepEqual(result, {
        code: CODES[code].exit,
        out: "",
        err: "fxfer: Cannot copy x\\n\\u001b[31m: gone\n",
      });
    }
  },
);

Deno.test("configuration faults come one a line", pure, async () => {
  const result = await run(["copy", "x"], () => {
    parseConfig({ server: { port: -1, mode: "x" }, a: 1 });
    return 0;
  });
  assert.deepEqual(result, {
    code: 1,
    out: "",
    err: "fxfer: a: unknown key (see fxfer help config)\n" +
      "fxfer: server.port: wanted off or whole number 0 to 65535, found number -1\n" +
      'fxfer: server.mode: wanted one of stateless, stateful, dual, found "x"\n',
  });
});

Deno.test(
  "an unexpected error is one sentence with its cause; of the file system it is exit 8",
  pure,
  async () => {
    assert.deepEqual(
      await run(["copy", "x"], () => {
        throw new TypeError("no\nway", { cause: new Error("why") });
      }),
      { code: 2, out: "", err: "fxfer: Unexpected error: TypeError: no\\nway <- Error: why\n" },
    );
    const { code, err } = await run(["copy", "x"], () => {
      throw new Deno.errors.NotFound("gone");
    });
    assert.equal(code, 8);
    assert.equal(err, "fxfer: Unexpected error: NotFound: gone\n");
  },
);

Deno.test("Deno 2.8.3 is refused with its reason, other versions are not", pure, () => {
  assert.match(unfitRuntime("2.8.3") ?? "", /^Cannot run on Deno 2\.8\.3: it keeps a socket open/);
  for (const version of ["2.9.6", "2.8.30", "2.8.2", "12.8.3"]) {
    assert.equal(unfitRuntime(version), undefined, version);
  }
});

Deno.test("isOlder() compares numbers, part by part", pure, () => {
  for (const version of ["2.6.7", "2.5.99", "1.46.3"]) assert(isOlder(version), version);
  for (const version of ["2.6.8", "2.6.10", "2.10.0", "3.0.0"]) assert(!isOlder(version), version);
});
