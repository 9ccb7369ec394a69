import assert from "node:assert/strict";
import { Route } from "../../src/client/route.ts";
import { FxferError } from "../../src/errors.ts";

const pure = { permissions: "none" } as const;
const HOME = { hostname: "127.0.0.1", port: 1000 };

const moved = (address: unknown, ticket?: unknown) =>
  new FxferError("use_another_server", undefined, { fields: { address, ticket } });

Deno.test("Route follows to a trusted server, however it is written, with its ticket", pure, () => {
  const route = new Route(HOME, ["Files.Example:2000", "[2001:db8:0::1]:3000"]);
  assert.deepEqual(route.turn(moved("files.example:2000", "t1")), {
    kind: "followed",
    ticket: "t1",
  });
  assert.deepEqual(route.address, { hostname: "files.example", port: 2000 });
  assert.deepEqual(route.turn(moved("[2001:db8::1]:3000", 7)), {
    kind: "followed",
    ticket: undefined,
  });
  assert.deepEqual(route.address, { hostname: "2001:db8::1", port: 3000 });
});

Deno.test("Route goes nowhere else, and says which server it was sent to", pure, () => {
  const route = new Route(HOME, ["files.example:2000"]);
  const foreign = ["files.example:2001", "example:2000", "127.0.0.1:1000", "files.example.:2000"];
  for (const address of foreign) {
    const turn = route.turn(moved(address, "t"));
    assert.equal(turn?.kind, "fatal");
    assert.ok(turn.error.message.includes(`${address} is not among the trusted servers`));
  }
  for (const address of [7, null, "", "files.example", "a b:2000", "files.example:0", "x:99999"]) {
    const turn = route.turn(moved(address));
    assert.equal(turn?.kind, "fatal");
    assert.match(turn.error.message, /no usable address/);
  }
  assert.deepEqual(route.address, HOME);
});

Deno.test("Route makes three hops, and three more once a server had the session", pure, () => {
  const route = new Route(HOME, ["127.0.0.1:1001", "127.0.0.1:1002"]);
  const hop = (port: number) => route.turn(moved(`127.0.0.1:${port}`))?.kind;
  assert.deepEqual([hop(1001), hop(1002), hop(1001)], ["followed", "followed", "followed"]);
  assert.equal(hop(1002), "fatal");
  assert.equal(route.address.port, 1001);
  route.arrived();
  assert.equal(hop(1002), "followed");
  route.restart();
  assert.deepEqual(route.address, HOME);
});

Deno.test("Route takes a session for being on its way until it has arrived", pure, () => {
  const route = new Route(HOME, ["127.0.0.1:1001"]);
  const unknown = new FxferError("session_unknown");
  assert.equal(route.turn(unknown), undefined, "at home it is lost");
  route.turn(moved("127.0.0.1:1001"));
  const turn = route.turn(unknown);
  assert.equal(turn?.kind, "lost");
  assert.equal(turn.error.code, "use_another_server");
  assert.equal(route.turn(new FxferError("max_sessions")), undefined);
  route.arrived();
  assert.equal(route.turn(unknown), undefined, "it was there, and is lost");
});

Deno.test("Route refuses a trusted server that is none", pure, () => {
  assert.throws(() => new Route(HOME, ["files.example"]), RangeError);
});
