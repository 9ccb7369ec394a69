import assert from "node:assert/strict";
import { workerCount } from "../../../src/app/workers/count.ts";
import { configOfWorker } from "../../../src/app/workers/parent.ts";
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

pure("workerCount() is the same with sessions, wherever they are kept", () => {
  for (const mode of ["stateful", "dual"]) {
    for (const store of ["memory", "sqlite", "redis"]) {
      assert.equal(workerCount(configWith(2, mode, store), LINUX), 2);
      assert.equal(workerCount(configWith("auto", mode, store), LINUX), 4);
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
