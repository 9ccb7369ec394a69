/** What deploy/ has for Prometheus and Grafana: by their own tools, and against the metrics that there are. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { METRICS } from "../../src/operate/mod.ts";
import { testWith } from "../helpers/require.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, DEPLOY));

async function promtool(program: string, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: fileURLToPath(new URL("prometheus/", DEPLOY)),
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stdout) + text.decode(stderr));
}

testWith(
  ["promtool"],
  "the alerts are valid, and fire when they should and not before",
  async (program) => {
    await promtool(program, "check", "rules", "alerts.yml");
    await promtool(program, "test", "rules", "alerts_test.yml");
    await promtool(program, "check", "config", "--syntax-only", "prometheus.yml");
  },
);

/** The metrics that a text names, without what histograms append. */
function named(text: string): string[] {
  const found = text.matchAll(/\b(?:fxfer|process)_[a-z_]+\b/g);
  return [...new Set(Array.from(found, ([name]) => name.replace(/_(bucket|sum|count)$/, "")))];
}

Deno.test("alerts and dashboard name only metrics that exist, by their types", async () => {
  const texts = [await read("prometheus/alerts.yml"), await read("grafana/fxfer.json")];
  for (const text of texts) {
    const names = named(text);
    assert.ok(names.length > 8);
    assert.deepEqual(names.filter((name) => !Object.hasOwn(METRICS, name)), []);
    // What only goes up is read as a rate, and nothing else is.
    for (const [, name] of text.matchAll(/(?:rate|increase)\((\w+?)(?:_bucket)?[{[]/g)) {
      const { type } = METRICS[name as keyof typeof METRICS];
      assert.notEqual(type, "gauge", name);
    }
  }
});

Deno.test("every alert is tested, and stands in deploy/README.md with what to do", async () => {
  const alerts = Array.from(
    (await read("prometheus/alerts.yml")).matchAll(/- alert: (\w+)/g),
    ([, name]) => name!,
  );
  assert.ok(alerts.length >= 10);
  const tests = await read("prometheus/alerts_test.yml");
  const readme = await read("README.md");
  for (const name of alerts) {
    const fires = new RegExp(`alertname: ${name}\\n +exp_alerts:`);
    assert.match(tests, fires, `${name} is seen to fire`);
    assert.match(readme, new RegExp(`\\| \`${name}\``), `${name} is in the README`);
  }
});

Deno.test("the dashboard has panels of its own ids that do not lie on each other", async () => {
  const { panels } = JSON.parse(await read("grafana/fxfer.json"));
  const ids = panels.map(({ id }: { id: number }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const taken = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    assert.ok(x + w <= 24, title);
    for (let column = x; column < x + w; column++) {
      for (let row = y; row < y + h; row++) {
        const cell = `${column},${row}`;
        assert.ok(!taken.has(cell), `${title} lies on another panel`);
        taken.add(cell);
      }
    }
  }
});
