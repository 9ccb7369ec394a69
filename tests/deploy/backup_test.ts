/** The backup of deploy/README.md: made while files arrive, it is whole when it is restored. @module */
import assert from "node:assert/strict";
import { fxfer } from "../helpers/fxfer.ts";
import { listStored, readManifest } from "../helpers/files.ts";
import { Program } from "../helpers/program.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

testWith(
  ["rsync"],
  "a backup made by the README's command while files arrive restores to the same verify",
  async () => {
    const readme = await Deno.readTextFile(new URL("../../deploy/README.md", import.meta.url));
    const [, command] = /^ {4}(cp storage\/commits\.jsonl [^]*?)\n\n/m.exec(readme) ?? [];
    assert.ok(command !== undefined, "the README has the command");
    await using temp = await TempDir.make();
    await using server = await Program.serve({ cwd: temp.path });
    await Deno.mkdir(`${temp.path}/backup`);
    let sending = true;
    let sent = 0;
    const senders = Array.from({ length: 4 }, async () => {
      using peer = await RawPeer.open(server);
      while (sending) {
        const bytes = crypto.getRandomValues(new Uint8Array(20_000));
        assert.equal((await peer.stateless(bytes)).data.code, "ok");
        sent++;
      }
    });
    while (sent < 200) await new Promise((resolve) => setTimeout(resolve, 5));
    const copied = await new Deno.Command("bash", {
      args: ["-c", command.replaceAll("\\\n", "")],
      cwd: temp.path,
    }).output();
    assert.equal(copied.code, 0, new TextDecoder().decode(copied.stderr));
    sending = false;
    await Promise.all(senders);

    const listed = (await readManifest(`${temp.path}/backup`)).map(({ path }) => path);
    assert.ok(listed.length >= 200 && listed.length <= sent);
    const verified = await fxfer(["verify", "--json", "backup"], { cwd: temp.path });
    assert.equal(verified.code, 0, verified.out);
    const verdicts = verified.out.trimEnd().split("\n").map((line) => JSON.parse(line).verdict);
    assert.equal(verdicts.filter((verdict) => verdict === "ok").length, listed.length);
    // A server takes the restored folder, knows what is in it, and goes on.
    await Deno.mkdir(`${temp.path}/restored`);
    await Deno.rename(`${temp.path}/backup`, `${temp.path}/restored/storage`);
    await using again = await Program.serve({ cwd: `${temp.path}/restored` });
    using peer = await RawPeer.open(again);
    assert.equal((await peer.stateless("after the restore")).data.code, "ok");
    assert.ok((await listStored(again.storage)).length > listed.length);
  },
);
