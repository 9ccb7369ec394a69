/**
 * The rule ids of the contract: each is defined once, in the text of a folder, and means something.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { SETTINGS } from "../src/config/mod.ts";
import { CODES } from "../src/errors.ts";
import * as protocol from "../src/protocol/mod.ts";
import { listFiles } from "./helpers/files.ts";

const ROOT = new URL("../", import.meta.url);

/** Anywhere in a text. */
const ID = /\bS-[A-Z]{3,4}-[0-9]+/g;

/** At the start of a line or list item: there an id is defined. */
const DEFINITION = /^[ */#-]*\**(S-[A-Z]{3,4}-[0-9]+)/gm;

/** The sign by which a document refers to sections that its reader may not have. */
const SECTION_SIGN = String.fromCharCode(0xa7);

/** Every file of src and tests, by its path. */
const files = new Map<string, string>();
for (const dir of ["src", "tests"]) {
  for (const path of await listFiles(fileURLToPath(new URL(dir, ROOT)))) {
    files.set(`${dir}/${path}`, await Deno.readTextFile(new URL(`${dir}/${path}`, ROOT)));
  }
}

/** The texts of the folders: only there are rules defined. */
const isContract = (path: string) => /^src\/.+\/mod\.ts$/.test(path);

/** Where each id is defined. */
const defined = new Map<string, string[]>();
for (const [path, text] of files) {
  if (!isContract(path)) continue;
  for (const [, id] of text.matchAll(DEFINITION)) {
    defined.set(id!, [...defined.get(id!) ?? [], path]);
  }
}

/** The ids that stand in a text. */
const idsOf = (text: string) => new Set(Array.from(text.matchAll(ID), ([id]) => id));

/** Fails with one line for each fault. */
function none(faults: readonly string[]): void {
  assert.deepEqual(faults, []);
}

Deno.test("Every rule id in src and tests is defined", () => {
  const unknown = [...files].flatMap(([path, text]) =>
    [...idsOf(text)].filter((id) => !defined.has(id)).map((id) => `${path}: ${id}`)
  );
  none(unknown);
  assert.ok(defined.size >= 48, `${defined.size} rules`);
});

Deno.test("Every rule id is defined once", () => {
  const repeated = [...defined].filter(([, paths]) => paths.length > 1);
  none(repeated.map(([id, paths]) => `${id}: ${paths.join(", ")}`));
});

Deno.test("Every rule is named where it is enforced or tested", () => {
  const used = new Set<string>();
  for (const [path, text] of files) {
    if (!isContract(path)) { for (const id of idsOf(text)) used.add(id); }
  }
  none([...defined.keys()].filter((id) => !used.has(id)));
});

Deno.test("Nothing refers to a section of a document that its reader may not have", () => {
  none([...files].filter(([, text]) => text.includes(SECTION_SIGN)).map(([path]) => path));
});

/** The two texts of the protocol folder. */
const wire = files.get("src/protocol/mod.ts")! + files.get("src/protocol/files/mod.ts")!;

Deno.test("The text of the wire lists every code in its class", () => {
  for (const name of ["success", "retry", "resync", "fatal"]) {
    const [, item] = new RegExp(`^ \\* - \\*\\*${name}\\*\\*([^]*?)^ \\*(?: -|\\n)`, "m").exec(
      wire,
    )!;
    const listed = Array.from(item!.matchAll(/`([a-z_]+)`/g), ([, code]) => code!);
    const codes = Object.entries(CODES).filter(([, spec]) => spec.class === name);
    assert.deepEqual(
      listed.filter((word) => word in CODES).sort(),
      codes.map(([code]) => code).sort(),
    );
  }
});

Deno.test("The text of the wire has every exit code", () => {
  const [, list] = /The exit codes of the `fxfer` program:([^]*?)^ \*\n/m.exec(wire)!;
  const told = Array.from(list!.matchAll(/(?<= )\d+(?= [a-z])/g), ([code]) => Number(code));
  const exits = new Set(Object.values(CODES).map(({ exit }) => exit));
  assert.deepEqual([...new Set(told)].sort(), [...exits].sort());
});

Deno.test("The text of the wire has the limits of the code", () => {
  const flat = wire.replaceAll(/\s*\n \*\s*/g, " ");
  const limits = [
    `at most ${protocol.MAX_HEADER_BYTES} bytes before the LF`,
    `a header of at most ${protocol.MAX_V1_HEADER_BYTES} bytes`,
    `at most ${protocol.MAX_SESSION_DATA_BYTES} bytes`,
    `nests deeper than ${protocol.MAX_NESTING}`,
    `\`token/token\`, at most ${protocol.MAX_MIME_TYPE_BYTES} bytes`,
    `${protocol.MAX_NAME_BYTES} bytes and ${protocol.MAX_NAME_COMPONENTS} components in all`,
    `components of 1 to ${protocol.MAX_COMPONENT_BYTES} bytes`,
    `the session's secret, at most ${protocol.MAX_TOKEN_LENGTH} characters`,
    `at most ${protocol.MAX_DRAIN_BYTES / 2 ** 20} MiB for at most ${
      protocol.MAX_DRAIN_MS / 1000
    } s`,
    `every ${protocol.CHECKPOINT_BYTES / 2 ** 20} MiB, every second`,
    `The port is ${SETTINGS.get("server.port")!.default} unless`,
  ];
  none(limits.filter((limit) => !flat.includes(limit)));
  assert.equal(protocol.CHECKPOINT_MS, 1000);
});

Deno.test("The text of the wire has the table of actions, with the fields and answers of each", () => {
  const rows = Array.from(
    wire.matchAll(/^ \* \| `([a-z]+)` +\| (yes|no) +\| (yes|no) +\| (yes|no) +\|$/gm),
    ([, ...cells]) => cells.join(" "),
  );
  const yes = (is: boolean) => is ? "yes" : "no";
  const wanted = Object.entries(protocol.ACTIONS).map(([action, rule]) =>
    `${action} ${yes(rule.payload)} ${yes(rule.needsSession)} ${yes(rule.usesNumber)}`
  );
  assert.deepEqual(rows, wanted);

  for (const [action, { answers, data }] of Object.entries(protocol.ACTIONS)) {
    const [, does] = new RegExp(`^ \\* - \`${action}\`([^]*?)^ \\*(?: -|\\n)`, "m").exec(wire)!;
    const told = Array.from(does!.matchAll(/`([a-z_]+)`/g), ([, code]) => code!);
    assert.deepEqual([...new Set(told)].sort(), [...new Set(Object.values(answers).flat())].sort());
    if (data.fields.length === 0) continue;
    const intro = `Session data of \`${action}\`[^]*?^ \\*\n`;
    const [, list] = new RegExp(`${intro}((?: \\* (?:- | {2}).*\n)+)`, "m").exec(wire)!;
    const items = Array.from(list!.matchAll(/^ \* - (.*?):/gm), ([, names]) => names!);
    const named = items.flatMap((names) => Array.from(names.matchAll(/`(.*?)`/g), ([, n]) => n!));
    assert.deepEqual(named, data.fields.map(({ wire }) => wire));
  }
});

Deno.test("The text of the wire names every field of a header, and those that may be absent", () => {
  const [, intro, list] = /^ \* (The fields of a header[^]*?:)\n \*\n([^]*?)^ \*\n/m.exec(wire)!;
  const named = Array.from(list!.matchAll(/^ \* - `(.*?)`:/gm), ([, field]) => field!);
  const optional = Array.from(intro!.matchAll(/`(.*?)`/g), ([, field]) => field!);
  const request = { id: null, mode: "stateless", sequence: 1, action: "heartbeat" } as const;
  const [line] = new TextDecoder().decode(protocol.encodeRequest(request)).split("\n");
  const { session, ...rest } = JSON.parse(line!);
  const fields = [...Object.keys(rest), ...Object.keys(session).map((key) => `session.${key}`)];
  assert.deepEqual(named, fields);
  for (const field of fields) {
    const header = { ...rest, session: { ...session } };
    const [parent, key] = field.startsWith("session.")
      ? [header.session, field.slice(8)]
      : [header, field];
    delete parent[key];
    const bytes = new TextEncoder().encode(JSON.stringify(header) + "\n");
    const [event] = new protocol.Decoder().push(bytes);
    assert.equal(event?.type, optional.includes(field) ? "request" : "fault", field);
  }
});
