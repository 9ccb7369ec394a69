/** The unit of systemd and the manifests of Kubernetes, by the tools and schemas of those that read them. @module */
import assert from "node:assert/strict";
import yaml from "npm:js-yaml@4.1.1";
import { Deployment } from "npm:kubernetes-models@5.1.0/apps/v1/Deployment";
import { StatefulSet } from "npm:kubernetes-models@5.1.0/apps/v1/StatefulSet";
import { NetworkPolicy } from "npm:kubernetes-models@5.1.0/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "npm:kubernetes-models@5.1.0/policy/v1/PodDisruptionBudget";
import { PersistentVolumeClaim } from "npm:kubernetes-models@5.1.0/v1/PersistentVolumeClaim";
import { Service } from "npm:kubernetes-models@5.1.0/v1/Service";
import { parseCommandArgs } from "../../src/cli/args.ts";
import { SERVE, serveLoadOptions } from "../../src/cli/serve.ts";
import { loadConfig } from "../../src/config/mod.ts";
import type { Json } from "../helpers/raw_frame.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, DEPLOY));

/** The worst score of the unit: 0 is the best, and systemd calls up to 2 safe. */
const MAX_EXPOSURE = 2;

testWith(["systemd-analyze"], "the unit is valid, and systemd calls it safe", async (program) => {
  await using temp = await TempDir.make();
  const path = `${temp.path}/fxfer.service`;
  // The program need not be installed where this test runs.
  const unit = await read("systemd/fxfer.service");
  await Deno.writeTextFile(path, unit.replaceAll("/usr/local/bin/fxfer-server", "/bin/true"));
  const run = async (...args: string[]) => {
    const command = new Deno.Command(program, { args: [...args, path], env: { LC_ALL: "C" } });
    const { code, stdout, stderr } = await command.output();
    return { code, out: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  };
  const verified = await run("verify", "--man=no");
  assert.equal(verified.code, 0, verified.out);
  assert.doesNotMatch(verified.out, /fxfer\.service:\d+/);
  const { out } = await run("security", "--offline=true");
  const [, exposure] = /Overall exposure level for \S+: ([0-9.]+)/.exec(out) ?? [];
  assert.ok(Number(exposure) <= MAX_EXPOSURE, out);
});

const KINDS: Readonly<Record<string, new (data: Json) => { validate(): void }>> = {
  Deployment,
  NetworkPolicy,
  PersistentVolumeClaim,
  PodDisruptionBudget,
  Service,
  StatefulSet,
};

for (const file of ["kubernetes/stateless.yaml", "kubernetes/stateful.yaml"]) {
  Deno.test(`${file}: every object keeps to its schema, and they fit each other`, async () => {
    const objects = yaml.loadAll(await read(file)) as Json[];
    for (const object of objects) {
      const Kind = KINDS[object.kind];
      assert.ok(Kind !== undefined, object.kind);
      new Kind(object).validate(); // throws what is wrong
    }
    const one = (...kinds: string[]): Json => {
      const found = objects.find(({ kind }) => kinds.includes(kind));
      assert.ok(found !== undefined, kinds.join(" or "));
      return found;
    };
    const workload = one("Deployment", "StatefulSet");
    const labels = workload.spec.template.metadata.labels;
    const chooses = (selector: Json) =>
      Object.entries(selector).every(([name, value]) => labels[name] === value);
    assert.ok(chooses(workload.spec.selector.matchLabels));
    assert.ok(chooses(one("Service").spec.selector));
    assert.ok(chooses(one("PodDisruptionBudget").spec.selector.matchLabels));
    assert.ok(chooses(one("NetworkPolicy").spec.podSelector.matchLabels));
    const { containers: [container], volumes = [] } = workload.spec.template.spec;
    const ports = container.ports.map(({ name }: { name: string }) => name);
    for (const { targetPort } of one("Service").spec.ports) assert.ok(ports.includes(targetPort));
    for (const probe of ["readinessProbe", "livenessProbe"]) {
      assert.ok(ports.includes(container[probe].httpGet.port));
    }
    const claims = workload.spec.volumeClaimTemplates ?? [];
    const names = [
      ...volumes.map(({ name }: { name: string }) => name),
      ...claims.map(({ metadata }: Json) => metadata.name),
    ];
    assert.deepEqual(
      container.volumeMounts.map(({ name }: { name: string }) => name).sort(),
      names.sort(),
    );

    // The program takes these arguments, and they mean what the manifest says.
    const args = parseCommandArgs(SERVE, container.args.slice(1));
    assert.ok(args !== "help");
    const { config } = await loadConfig({ ...serveLoadOptions(args), file: "no_such_file.yaml" });
    const of = (name: string) =>
      container.ports.find((port: Json) => port.name === name).containerPort;
    assert.equal(config.server.port, of("files"));
    assert.deepEqual([config.server.health_port, config.admin.port], [of("door"), of("door")]);
    assert.ok(
      workload.spec.template.spec.terminationGracePeriodSeconds > config.server.drain_timeout,
    );
  });
}
