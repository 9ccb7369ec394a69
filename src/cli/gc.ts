/** `fxfer gc`: removes once what a server would remove now and then. @module */
import { keepPolicy, openBeside } from "../app/mod.ts";
import { loadConfig } from "../config/mod.ts";
import { silentLogger } from "../log.ts";
import type { SessionStore } from "../store/mod.ts";
import type { Output } from "../terminal/mod.ts";
import { count, escapeControls, formatBytes } from "../text.ts";
import type { ParsedArgs } from "./args.ts";
import type { Command } from "./command.ts";
import { CONFIG_OPTIONS, loadOptions } from "./config_flags.ts";
import { cannot, mustRead, whyNoFolder } from "./local.ts";
import { SUMMARIES } from "./summaries.ts";

async function gc(args: ParsedArgs, { out, err }: Output): Promise<number> {
  const { config, notes } = await loadConfig(loadOptions(args));
  for (const note of notes) err.line(`fxfer: ${escapeControls(note)}`);
  const { path } = config.storage;
  const action = `clean ${path} up`;
  await mustRead(path, action);
  await Deno.stat(path).catch(cannot(action, whyNoFolder)); // to open it would make it
  const dry = args.has("dry-run");
  await using opened = await openBeside(config, silentLogger);
  const { storage, store, orphans } = opened;

  const would = dry ? "would remove" : "removed";
  const policy = keepPolicy(config);
  let files = 0;
  let bytes = 0;
  if (policy !== undefined) {
    const ledger = dry ? undefined : await opened.openLedger();
    for await (const { file, reason } of storage.outdated(policy)) {
      if (!dry && await storage.catalogue.remove(file.path, { reason }) === undefined) continue;
      const { user } = file;
      if (user !== undefined) await ledger?.giveBack(user, file.path);
      files++;
      bytes += file.size;
      const name = file.name === undefined ? "" : ` (${file.name})`;
      out.line(escapeControls(`${would} ${file.path}${name}: ${reason}`));
    }
  }
  const live = await liveParts(store);
  const parts = orphans ? await storage.sweep?.((part) => live.has(part), undefined, dry) ?? 0 : 0;
  out.line(
    `${would} ${count(files, "file")} (${formatBytes(bytes)}) and ${
      count(parts, "unfinished one")
    }`,
  );
  if (policy === undefined) {
    err.line("fxfer: no whole file is removed: storage.keep and storage.keep_bytes are off");
  }
  if (!orphans) {
    err.line("fxfer: unfinished files stay: only the server knows which of them its sessions need");
  }
  return 0;
}

/** The temporary paths that sessions name. */
async function liveParts(store: SessionStore | undefined): Promise<ReadonlySet<string>> {
  const live = new Set<string>();
  for await (const { upload, intent } of store?.list() ?? []) {
    if (upload !== null) live.add(upload.temporaryPath);
    if (intent !== null) live.add(intent.temporaryPath);
  }
  return live;
}

const { config, storage, persistence, "redis-url": redisUrl, set } = CONFIG_OPTIONS;

export const GC_COMMAND: Command = {
  spec: {
    name: "gc",
    summary: SUMMARIES.gc,
    options: {
      "dry-run": { short: "n", help: "Show what would be removed, and remove nothing" },
      ...{ config: config!, storage: storage!, persistence: persistence! },
      ...{ "redis-url": redisUrl!, set: set! },
    },
    details: [
      "Whole files go by storage.keep and storage.keep_bytes, the oldest first; unfinished ones if no " +
      "session needs them and nobody has written to them for 10 minutes. A running server does the same " +
      "by itself; give the command the server's configuration.",
      "For example, what is older than 30 days:",
      "  fxfer gc --dry-run --set storage.keep=30d",
    ],
  },
  run: gc,
};
