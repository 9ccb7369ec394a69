/** `fxfer admin`: what operators ask of a running server. @module */
import type { Endpoint } from "../../address.ts";
import { parseEndpoint } from "../../address.ts";
import { type Config, loadConfig } from "../../config/mod.ts";
import { onStop, type Output } from "../../terminal/mod.ts";
import { escapeControls } from "../../text.ts";
import { type ParsedArgs, usageError } from "../args.ts";
import type { Command } from "../command.ts";
import { cannot } from "../local.ts";
import { openSink } from "../session/files.ts";
import { ADMIN, readVerb } from "./args.ts";
import { type Answer, DoorClient } from "./door_client.ts";
import { fileLines, hookLines, keyLines } from "./stored_tables.ts";
import { detailLines, eventLine, sessionLines, settingLines } from "./tables.ts";
import { runTop } from "./top.ts";

export const ADMIN_COMMAND: Command = { spec: ADMIN, run: runAdmin };

async function runAdmin(args: ParsedArgs, output: Output): Promise<number> {
  const asked = readVerb(args);
  const file = args.text("config");
  const { config } = await loadConfig(file === undefined ? {} : { file, explicit: true });
  const door = doorOf(args, config);
  const path = args.text("token-file") ?? config.admin.token_file;
  const token = path === "none" ? undefined : (await readSecret(path)).trim();
  const client = new DoorClient(door, token, args.has("tls") || config.admin.tls === "on");
  const { out } = output;
  const json = args.has("json");
  const width = out.terminal ? out.columns : Infinity;
  const print = (answer: unknown, lines: () => readonly string[]) => {
    if (json) out.line(escapeControls(JSON.stringify(answer)));
    else for (const line of lines()) out.line(line);
  };
  switch (asked.verb) {
    case "sessions": {
      if (asked.id !== undefined) {
        const answer = await client.ask(asked.revoke ? "DELETE" : "GET", `/sessions/${asked.id}`);
        print(answer, () => asked.revoke ? [`${answer.id} is revoked`] : detailLines(answer));
        return 0;
      }
      const sessions: Answer[] = [];
      for (let after: string | null = ""; after !== null;) {
        const page = await client.ask("GET", `/sessions?limit=1000&after=${after}`);
        sessions.push(...page.sessions);
        after = page.next;
      }
      print({ sessions }, () => sessionLines(sessions, width, Date.now()));
      return 0;
    }
    case "move": {
      const { id, to } = asked;
      // A session that cannot be written must not be taken from its server.
      await using sink = await openSink(asked.out, output);
      await sink.write(await client.download(`/sessions/${id}/move`, { to }))
        .catch(cannot("write session, move it again"));
      output.err.line(
        `fxfer: session ${id.slice(0, 8)} goes to ${to}: import it there within 10m00s`,
      );
      return 0;
    }
    case "files": {
      if (asked.remove !== undefined) {
        const path = asked.remove.split("/").map(encodeURIComponent).join("/");
        const answer = await client.ask("DELETE", `/files/${path}`);
        print(answer, () => [`${answer.path} is removed`]);
        return 0;
      }
      const query = new URLSearchParams({ limit: "100", prefix: asked.prefix });
      const answer = await client.ask("GET", `/files?${query}`);
      print(answer, () => fileLines(answer, width, Date.now()));
      return 0;
    }
    case "keys": {
      if (asked.revoke !== undefined) {
        const answer = await client.ask("DELETE", `/keys/${encodeURIComponent(asked.revoke)}`);
        print(answer, () => [
          `the key of ${answer.revoked} is taken away until the next start; take it out of the file as well`,
        ]);
        return 0;
      }
      const answer = await client.ask("GET", "/keys");
      print(answer, () => keyLines(answer.keys, width));
      return 0;
    }
    case "hooks": {
      const answer = await client.ask("GET", "/hooks");
      print(answer, () => hookLines(answer, width));
      return 0;
    }
    case "settings": {
      if (asked.changes !== undefined) {
        const answer = await client.ask("PATCH", "/settings", asked.changes);
        const changed = answer.changed.join(", ");
        print(answer, () => [changed === "" ? "nothing has changed" : `changed: ${changed}`]);
        return 0;
      }
      const answer = await client.ask("GET", "/settings");
      print(answer, () => settingLines(answer.settings, asked.all, width));
      return 0;
    }
    case "drain":
      print(await client.ask("POST", "/drain", {}), () => ["the server stops"]);
      return 0;
    case "events": {
      const abort = new AbortController();
      using _signals = onStop(() => abort.abort());
      for await (const event of client.events(abort.signal)) print(event, () => [eventLine(event)]);
      return 0;
    }
    case "top":
      return await runTop(client, output);
  }
}

/** The door by the flag, or by the configuration. */
function doorOf(args: ParsedArgs, { admin }: Config): Endpoint {
  const told = args.read("door", "an address such as 127.0.0.1:65433", parseEndpoint);
  args.mustBeRight();
  if (told !== undefined) return told;
  if (typeof admin.port === "number" && admin.port > 0) {
    return { hostname: admin.host, port: admin.port };
  }
  const hint = "--door is missing: --door=HOST:PORT, or admin.port in the configuration";
  throw usageError([hint], ADMIN.name);
}

async function readSecret(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch(cannot(`read token ${path}`));
}
