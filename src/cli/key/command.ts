/** `fxfer key`: makes, lists, revokes and rotates keys. @module */
import { FxferError } from "../../errors.ts";
import {
  formatKey,
  formatKeyLine,
  type KeyLine,
  newKey,
  OWN_FILES,
  parseKeyFile,
} from "../../keys/mod.ts";
import type { Output } from "../../terminal/mod.ts";
import { escapeControls, formatBytes, formatDuration } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { KEY, type KeyArgs, readKeyArgs } from "./args.ts";
import { changeKeys, mustHaveKeys, readKeys, withLine } from "./file.ts";

export const KEY_COMMAND: Command = { spec: KEY, run: runKey };

async function runKey(args: ParsedArgs, output: Output): Promise<number> {
  const asked = readKeyArgs(args);
  const say = (text: string) => asked.quiet || output.err.line(`fxfer: ${escapeControls(text)}`);
  switch (asked.verb) {
    case "new":
      await makeKey(asked, output, say);
      break;
    case "list":
      await listKeys(asked, output);
      break;
    case "revoke":
      await mustHaveKeys(asked.keys);
      await changeKeys(asked.keys, (text) => withLine(text, asked.name) ?? noUser(asked));
      say(`${asked.name} has no key any more: servers that use ${asked.keys} end its connections`);
      break;
    case "rotate":
      await rotateKey(asked, output, say);
  }
  return 0;
}

type Say = (text: string) => void;

async function makeKey(
  { keys, name, can = OWN_FILES, limits, until }: Extract<KeyArgs, { verb: "new" }>,
  { out }: Output,
  say: Say,
): Promise<void> {
  const key = newKey(name);
  const line: KeyLine = { key, can, limits, ...(until === undefined ? {} : { until }) };
  const isFirst = await readKeys(keys) === undefined;
  await changeKeys(keys, (text) => {
    if (parseKeyFile(text, keys).some((each) => each.key.name === name)) {
      const hint = `fxfer key rotate ${name} replaces it`;
      throw new FxferError("usage", `Cannot make key: ${name} has one already (${hint})`);
    }
    return `${text}${text.endsWith("\n") ? "" : "\n"}${formatKeyLine(line)}\n`;
  });
  out.line(formatKey(key));
  say(`${name} may ${can.join(", ")}; ${keys} has the key`);
  if (isFirst) {
    say(`now: fxfer serve --keys ${keys}, and at the client: fxfer send --key-file FILE`);
  }
}

async function rotateKey(
  asked: Extract<KeyArgs, { verb: "rotate" }>,
  { out }: Output,
  say: Say,
): Promise<void> {
  const { keys, name, seconds } = asked;
  const key = newKey(name);
  await mustHaveKeys(keys);
  await changeKeys(keys, (text) => {
    const before = parseKeyFile(text, keys).find((line) => line.key.name === name);
    if (before === undefined) return noUser(asked);
    const old = { secret: before.key.secret, until: Date.now() + seconds * 1000 };
    const { old: _, ...rest } = before;
    const line = formatKeyLine({ ...rest, key, ...(seconds > 0 ? { old } : {}) });
    return withLine(text, name, line)!;
  });
  out.line(formatKey(key));
  say(
    seconds > 0
      ? `the old key of ${name} is valid for ${formatDuration(seconds)} more`
      : `the old key of ${name} is not valid any more`,
  );
}

function noUser({ keys, name }: { readonly keys: string; readonly name: string }): never {
  throw new FxferError("usage", `Cannot find user: ${keys} has no key of ${name}`);
}

async function listKeys(
  { keys, json }: Extract<KeyArgs, { verb: "list" }>,
  { out }: Output,
): Promise<void> {
  const now = Date.now();
  for (const { key: { name }, can, limits, until, old } of await mustHaveKeys(keys)) {
    const date = (ms: number) => new Date(ms).toISOString();
    const oldUntil = old !== undefined && old.until > now ? old.until : undefined;
    if (json) {
      const facts = { name, can, ...limits, until: until && date(until) };
      out.line(JSON.stringify({ ...facts, old_until: oldUntil && date(oldUntil) }));
      continue;
    }
    const { bytes, files, rate, connections, sessions } = limits;
    const parts = [
      can.join(),
      bytes && formatBytes(bytes),
      files && `${files} files`,
      rate && `${formatBytes(rate)}/s`,
      connections && `${connections} connections`,
      sessions && `${sessions} sessions`,
      until && (until > now ? `until ${date(until)}` : `EXPIRED ${date(until)}`),
      oldUntil && `old key until ${date(oldUntil)}`,
    ];
    out.line(`${name.padEnd(16)}  ${parts.filter((part) => part).join(", ")}`);
  }
}
