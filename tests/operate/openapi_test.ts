import assert from "node:assert/strict";
import { Ajv2020 } from "npm:ajv@8.17.1/dist/2020.js";
import { formatKey, newKey } from "../../src/keys/mod.ts";
import { describeRoutes, ROUTES } from "../../src/operate/mod.ts";
import { session } from "../helpers/sessions.ts";
import { TempDir } from "../helpers/temp.ts";
import { type Ask, operated } from "./operators.ts";

/** A path of the description, a call of it, and what is answered. */
type Call = readonly [route: string, path: string, options: Ask, status: number];

Deno.test("every route answers as /openapi.json describes, and every route is called here", async () => {
  await using temp = await TempDir.make();
  const line = `${formatKey(newKey("alice"))} quota=1GiB\n`;
  await Deno.writeTextFile(`${temp.path}/keys`, line, { mode: 0o600 });
  await Deno.writeTextFile(`${temp.path}/move_key`, "x".repeat(32));
  const to = (address: string): Ask => ({ method: "POST", body: { to: address } });
  await using it = await operated({
    flags: ["-A"],
    set: {
      "security.keys": `${temp.path}/keys`,
      "security.anonymous": "put",
      "stateful.persistence": "sqlite",
      "admin.move_key_file": `${temp.path}/move_key`,
    },
  });
  using one = await session(it.server);
  using two = await session(it.server);
  const { path } = (await one.upload("bytes", { name: "a.txt" })).data.file;
  await two.send(two.transfer(new Uint8Array(100), { length: 200 }, { size: 200 }));
  const id = one.id!.slice(0, 8);
  const described = (await it.ask("/api/v1/openapi.json")).json;
  assert.equal(described.openapi, "3.1.0");
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: "doc", ...described });
  const calls: readonly Call[] = [
    ["GET /login", "/login", {}, 200],
    ["POST /login", "/login", { method: "POST", body: { token: "x" } }, 204],
    ["GET /overview", "/overview", {}, 200],
    ["GET /sessions", "/sessions?limit=1", {}, 200],
    ["GET /sessions", "/sessions?ended=1&state=Active", {}, 200],
    ["GET /sessions/{id}", `/sessions/${id}`, {}, 200],
    ["GET /sessions/{id}", "/sessions/ffffffff", {}, 404],
    ["DELETE /sessions/{id}", `/sessions/${id}`, { method: "DELETE" }, 200],
    ["POST /sessions/{id}/move", `/sessions/${two.id!.slice(0, 8)}/move`, to("b.example:1"), 200],
    ["POST /sessions/{id}/move", "/sessions/ffffffff/move", to("b.example:1"), 404],
    ["POST /sessions/{id}/move", `/sessions/${two.id!.slice(0, 8)}/move`, to("b.example"), 400],
    ["POST /sessions/{id}/move", `/sessions/${two.id!.slice(0, 8)}/move`, to("c.example:1"), 409],
    ["GET /files", "/files?order=name&prefix=a&limit=10", {}, 200],
    ["GET /files", "/files?order=size", {}, 400],
    ["GET /files/{path}", "/files/nothing", {}, 404],
    ["DELETE /files/{path}", `/files/${path}`, { method: "DELETE" }, 200],
    ["GET /hooks", "/hooks", {}, 200],
    ["GET /keys", "/keys", {}, 200],
    ["DELETE /keys/{name}", "/keys/alice", { method: "DELETE" }, 200],
    ["DELETE /keys/{name}", "/keys/nobody", { method: "DELETE" }, 404],
    ["GET /settings", "/settings", {}, 200],
    ["PATCH /settings", "/settings", { method: "PATCH", body: { "limits.min_rate": 5 } }, 200],
    ["PATCH /settings", "/settings", { method: "PATCH", body: { nonsense: 5 } }, 422],
    ["DELETE /login", "/login", { method: "DELETE" }, 204],
    ["POST /drain", "/drain", { method: "POST", body: {} }, 202],
  ];
  for (const [route, path, options, status] of calls) {
    const answer = await it.ask(`/api/v1${path}`, options);
    assert.equal(answer.status, status, `${route}: ${answer.text}`);
    const [method, template] = route.split(" ");
    const operation = described.paths[`/api/v1${template}`]?.[method!.toLowerCase()];
    const response = operation.responses[status];
    assert.ok(response !== undefined, `${route} describes ${status}`);
    const schema = response.content?.["application/json"]?.schema;
    if (schema === undefined) {
      const [media] = Object.keys(response.content ?? {});
      if (media === undefined) assert.equal(answer.text, "", route);
      else assert.equal(answer.headers.get("content-type"), media, route);
      continue;
    }
    const valid = ajv.compile({ $ref: `doc${schema.$ref}` });
    assert.ok(valid(answer.json), `${route}: ${ajv.errorsText(valid.errors)}\n${answer.text}`);
  }
  it.server.signal("SIGTERM");
  const streams = ["GET /events"]; // door_test.ts reads it
  const called = new Set([...calls.map(([route]) => route), ...streams]);
  const all = ROUTES.map(({ method, path }) =>
    `${method} ${path.slice("/api/v1".length).replace("*}", "}")}`
  );
  assert.deepEqual(all.filter((route) => !called.has(route)), []);
});

Deno.test("the description names each operation once, and every schema that it refers to", () => {
  const text = JSON.stringify(describeRoutes(ROUTES, "1.0.0"));
  const ids = Array.from(text.matchAll(/"operationId":"(\w+)"/g), ([, id]) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(ids.length, ROUTES.length);
  const { components: { schemas } } = JSON.parse(text);
  for (const [, name] of text.matchAll(/#\/components\/schemas\/(\w+)/g)) {
    assert.ok(name! in schemas);
  }
});

Deno.test("sessions come in pages, each once, with filters", async () => {
  await using it = await operated();
  const peers = await Promise.all(Array.from({ length: 7 }, () => session(it.server)));
  try {
    const found: string[] = [];
    let after = "";
    for (let pages = 0; pages < 10; pages++) {
      const { json } = await it.ask(`/api/v1/sessions?limit=3&after=${after}`);
      found.push(...json.sessions.map(({ id }: { id: string }) => id));
      if (json.next === null) break;
      after = json.next;
    }
    assert.deepEqual(found, peers.map(({ id }) => id!.slice(0, 8)).sort());
    const none = await it.ask("/api/v1/sessions?address=10.0.0.1");
    assert.deepEqual(none.json, { sessions: [], next: null });
    const idle = await it.ask("/api/v1/sessions?state=Authenticated");
    assert.equal(idle.json.sessions.length, 7);
  } finally {
    for (const peer of peers) peer.close();
  }
});
