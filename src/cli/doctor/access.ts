/** The check of `fxfer doctor` for who may use the server. @module */
import { accessFacts, mustBeMeant, openKeys } from "../../app/mod.ts";
import type { Config } from "../../config/mod.ts";
import { reasonOf } from "../../errors.ts";
import { silentLogger } from "../../log.ts";
import { count } from "../../text.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

/** Who may do what from where, and whether that is meant. */
export async function checkAccess(config: Config): Promise<Finding[]> {
  const { keys } = config.security;
  try {
    mustBeMeant(config);
    const lines = keys === "off" || keys === "-" ? [] : await readLines(config);
    const { from, anonymous, mac } = accessFacts(config, lines.length);
    const users = keys === "-" ? "users from standard input" : count(lines.length, "user");
    const may = anonymous === "nothing" ? "do nothing" : anonymous;
    const found = [
      ok(`${users}; who has no key may ${may}, from ${from}; codes of frames: ${mac}`),
    ];
    if (keys !== "off" && keys !== "-" && lines.length === 0 && anonymous === "nothing") {
      found.push(note("nobody may come in", `fxfer key new NAME --keys ${keys}`));
    }
    const ended = lines.filter(({ until = Infinity }) => until <= Date.now());
    for (const { key: { name } } of ended) {
      found.push(note(`the key of ${name} has ended`, `fxfer key revoke ${name}`));
    }
    return found;
  } catch (error) {
    return [problem(reasonOf(error))];
  }
}

async function readLines(config: Config) {
  using source = await openKeys(config, silentLogger);
  return source!.lines();
}
