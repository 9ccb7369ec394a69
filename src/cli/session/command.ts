/** `fxfer session`: exports a session from a server's store, or imports one into it. @module */
import { formatEndpoint, parseEndpoint } from "../../address.ts";
import { openSessions, type Sessions } from "../../app/mod.ts";
import { type Config, loadConfig } from "../../config/mod.ts";
import { FxferError } from "../../errors.ts";
import { silentLogger } from "../../log.ts";
import { exportSession, importSession } from "../../migration/mod.ts";
import type { SessionStore } from "../../store/mod.ts";
import type { Output } from "../../terminal/mod.ts";
import { escapeControls, formatBytes, formatDuration } from "../../text.ts";
import { type ParsedArgs, usageError } from "../args.ts";
import type { Command } from "../command.ts";
import { loadOptions } from "../config_flags.ts";
import { cannot } from "../local.ts";
import { readSessionArgs, SESSION, type SessionArgs } from "./args.ts";
import { openBlob, openSink, readKey } from "./files.ts";

export const SESSION_COMMAND: Command = { spec: SESSION, run: runSession };

/** Hosts that stand for every address of a machine; clients cannot connect to them. */
const ANY_HOST: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

async function runSession(args: ParsedArgs, output: Output): Promise<number> {
  const asked = readSessionArgs(args);
  const { config, notes } = await loadConfig(loadOptions(args));
  for (const note of notes) output.err.line(`fxfer: ${escapeControls(note)}`);
  const key = await readKey(asked.keyFile);
  await using sessions = await openSessions(config, silentLogger);
  if (asked.verb === "export") await runExport(asked, key, config, sessions, output);
  else await runImport(asked, key, config, sessions, output);
  return 0;
}

async function runExport(
  asked: Extract<SessionArgs, { verb: "export" }>,
  key: CryptoKey,
  { stateful }: Config,
  { store, storage }: Sessions,
  output: Output,
): Promise<void> {
  const id = await fullId(store, asked.id);
  await using sink = await openSink(asked.out, output);
  const maxInflight = stateful.max_inflight;
  const exported = await exportSession({ store, storage, key, id, to: asked.to, maxInflight });
  const say = (text: string) => output.err.line(`fxfer: ${escapeControls(text)}`);
  say(`session ${id.slice(0, 8)} is no longer served here: its client is sent to ${exported.to}`);
  await sink.write(exported.blob).catch(cannot("write session, export it again"));
  const { partialBytes, expiresAt } = exported;
  const part = partialBytes > 0 ? `, with ${formatBytes(partialBytes)} of an open file` : "";
  const seconds = Math.round((expiresAt - Date.now()) / 1000);
  say(`import it there within ${formatDuration(seconds)}${part}`);
}

async function runImport(
  asked: Extract<SessionArgs, { verb: "import" }>,
  key: CryptoKey,
  config: Config,
  { store, storage }: Sessions,
  { out }: Output,
): Promise<void> {
  const address = asked.as ?? ownAddress(config);
  const { id, partialBytes } = await importSession(await openBlob(asked.file), {
    ...{ store, storage, key, address },
  });
  const at = partialBytes > 0 ? `, at ${formatBytes(partialBytes)} of its file` : "";
  out.line(`session ${id.slice(0, 8)} goes on here${at}`);
}

/** The address of this server by its configuration. */
function ownAddress({ server: { host, port, tls } }: Config): string {
  const text = formatEndpoint({ hostname: host, port: port === "off" ? tls.port : port });
  if (!ANY_HOST.has(host) && parseEndpoint(text) !== undefined) return text;
  throw usageError(["--as is missing: --as=HOST:PORT, as clients reach this server"], SESSION.name);
}

/** The whole id of the session whose id begins with these characters: logs show only those. */
async function fullId(store: SessionStore, id: string): Promise<string> {
  if (id.length === 36) return id;
  const found: string[] = [];
  for await (const record of store.list()) if (record.id.startsWith(id)) found.push(record.id);
  if (found.length === 1) return found[0]!;
  throw found.length === 0
    ? new FxferError("session_unknown", `Cannot export session: none begins with ${id}`)
    : new FxferError("usage", `Cannot export session: ${found.length} begin with ${id}`);
}
