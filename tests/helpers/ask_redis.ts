/** Redis as a program with a server's permissions reaches it. @module */
import { ranToEnd } from "./ran.ts";
import { TempDir } from "./temp.ts";

/** A program that asks once over a URL, in a Deno of its own, with the permission a server has. */
export async function askRedis(url: string, env: Record<string, string> = {}): Promise<string> {
  const client = new URL("../../src/redis/connect.ts", import.meta.url).href;
  const log = new URL("../../src/log.ts", import.meta.url).href;
  const code = `
    import { connectRedis } from ${JSON.stringify(client)};
    import { createLogger } from ${JSON.stringify(log)};
    const logger = createLogger((event) => console.log(event.event, event.fields.reason), "debug");
    await using link = await connectRedis(${JSON.stringify(url)}, logger);
    console.log(await link.client.sendCommand(["GET", "k"]).catch((error) => error.message));`;
  await using dir = await TempDir.make();
  await Deno.writeTextFile(dir.join("ask.ts"), code);
  const args = ["run", "--no-prompt", "--no-check", "--allow-net", dir.join("ask.ts")];
  const { out, err } = await ranToEnd(Deno.execPath(), { args, env });
  return out + err;
}
