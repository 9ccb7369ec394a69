import assert from "node:assert/strict";
import { configOfWorker, workerCount } from "../../../src/app/workers/parent.ts";
import { parseConfig } from "../../../src/config/mod.ts";
import { pure } from "../../helpers/pure.ts";

const LINUX = { os: "linux", cores: 4 };
function configWith(workers: number | "auto", mode = "stateless", persistence = "memory") {
  return parseConfig({ server: { workers, mode }, stateful: { persistence } });
}

pure("workerCount() is what is set, and auto is one for each core", () => {
  assert.equal(workerCount(configWith(1, "dual"), LINUX), 1);
  assert.equal(workerCount(configWith(3), LINUX), 3);
  assert.equal(workerCount(configWith("auto"), LINUX), 4);
  assert.equal(workerCount(configWith("auto", "dual"), { os: "linux", cores: 1 }), 1);
  assert.equal(workerCount(configWith("auto", "dual"), { os: "windows", cores: 4 }), 1);
});

pure("workerCount() refuses sessions in memory, and names both ways out", () => {
  const message = /server\.workers is \d, .*persistence to sqlite or redis, or server\.mode to st/;
  for (const mode of ["stateful", "dual"]) {
    for (const workers of [2, "auto"] as const) {
      assert.throws(() => workerCount(configWith(workers, mode), LINUX), { message });
    }
    for (const store of ["sqlite", "redis"]) {
      assert.equal(workerCount(configWith(2, mode, store), LINUX), 2);
    }
  }
});

pure("workerCount() refuses several where the system does not spread connections", () => {
  for (const os of ["darwin", "windows"]) {
    assert.throws(() => workerCount(configWith(2), { os, cores: 4 }), /only Linux/);
  }
});

pure("configOfWorker() gives each its part of the rates, and the port of all", () => {
  const config = parseConfig({
    server: { workers: 3, port: 0 },
    limits: { rate: { connections_per_second: 100, sessions_per_minute: 1 } },
  });
  const { server, limits, ...rest } = configOfWorker(config, { port: 4711 }, 3);
  assert.deepEqual(limits.rate, { connections_per_second: 34, sessions_per_minute: 1 });
  assert.equal(server.port, 4711);
  assert.equal(server.max_connections, config.server.max_connections);
  assert.deepEqual(rest.storage, config.storage);
  const unlimited = parseConfig({ limits: { rate: "off" } });
  assert.equal(configOfWorker(unlimited, { port: 1 }, 2).limits.rate, "off");
});
