/** Early frames and the disconnect behind the last file against a real server, cut at random points. */
import assert from "node:assert/strict";
import { listStored, sha256, storedSha256 } from "../helpers/files.ts";
import type { ConnectionPlan, Fault } from "../helpers/fault_proxy.ts";
import { Random } from "../helpers/random.ts";
import { watched } from "./helpers.ts";
import { Live } from "./live.ts";
import { pattern } from "./scripted_peer.ts";

for (const frames of ["one frame", "several frames"]) {
  const title =
    `S-CON-9 S-DIS-1 S-TRF-9 cut at seeded random points: every file is stored once, whole (${frames})`;
  Deno.test(title, async () => {
    await using live = await Live.start(
      frames === "one frame" ? {} : { maxRequestSize: 64 * 1024 },
    );
    const knownTerms = await (async () => {
      await using it = await watched(live.port);
      await it.client.disconnect();
      return it.client.terms!;
    })();
    assert.ok(knownTerms.features.includes("early"));
    for (let seed = 1; seed <= 40; seed++) {
      const random = new Random(seed);
      const files = Array.from(
        { length: random.int(1, 4) },
        (_, n) => pattern(random.pick([0, 10, 5000, 400_000]), seed * 10 + n),
      );
      const bytes = files.reduce((sum, { length }) => sum + length, 0);
      const plans = Array.from({ length: random.int(1, 3) }, (): ConnectionPlan => {
        const kind = random.pick<Fault["kind"]>(["reset", "close", "half-close"]);
        // Each frame has a head and a reply of some hundred bytes.
        return random.int(0, 1) === 0
          ? { up: { faults: [{ kind, after: random.int(0, bytes + 1200) }] } }
          : { down: { faults: [{ kind, after: random.int(0, 2500) }] } };
      });
      await using proxy = await live.proxy(...plans);
      const before = (await listStored(live.dir)).length;
      await using it = await watched(proxy.port, { knownTerms, retries: 20 });
      const sent = files.map((file) => it.client.send(file));
      const ended = it.client.disconnect();
      const results = await Promise.all(sent);
      await ended;
      assert.equal((await listStored(live.dir)).length - before, files.length, `seed ${seed}`);
      for (const [n, { file }] of results.entries()) {
        assert.equal(await storedSha256(live.dir, file!.path), sha256(files[n]!), `seed ${seed}`);
      }
    }
  });
}
