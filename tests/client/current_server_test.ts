import assert from "node:assert/strict";
import { CurrentServer } from "../../src/client/current_server.ts";
import { FxferError } from "../../src/errors.ts";

const pure = { permissions: "none" } as const;
const HOME = { hostname: "127.0.0.1", port: 1000 };

const moved = (address: unknown, ticket?: unknown) =>
  new FxferError("use_another_server", undefined, { fields: { address, ticket } });

Deno.test(
  "CurrentServer follows to a trusted server, however it is written, with its ticket",
  pure,
  () => {
    const server = new CurrentServer(HOME, ["Files.Example:2000", "[2001:db8:0::1]:3000"]);
    assert.deepEqual(server.redirect(moved("files.example:2000", "t1")), {
      kind: "followed",
      ticket: "t1",
    });
    assert.deepEqual(server.address, { hostname: "files.example", port: 2000 });
    assert.deepEqual(server.redirect(moved("[2001:db8::1]:3000", 7)), {
      kind: "followed",
      ticket: undefined,
    });
    assert.deepEqual(server.address, { hostname: "2001:db8::1", port: 3000 });
  },
);

Deno.test("CurrentServer goes nowhere else, and says which server it was sent to", pure, () => {
  const server = new CurrentServer(HOME, ["files.example:2000"]);
  const foreign = ["files.example:2001", "example:2000", "127.0.0.1:1000", "files.example.:2000"];
  for (const address of foreign) {
    const redirection = server.redirect(moved(address, "t"));
    assert.equal(redirection?.kind, "fatal");
    assert.ok(redirection.error.message.includes(`${address} is not among the trusted servers`));
  }
  for (const address of [7, null, "", "files.example", "a b:2000", "files.example:0", "x:99999"]) {
    const redirection = server.redirect(moved(address));
    assert.equal(redirection?.kind, "fatal");
    assert.match(redirection.error.message, /no usable address/);
  }
  assert.deepEqual(server.address, HOME);
});

Deno.test(
  "CurrentServer makes three hops, and three more once a server had the session",
  pure,
  () => {
    const server = new CurrentServer(HOME, ["127.0.0.1:1001", "127.0.0.1:1002"]);
    const hop = (port: number) => server.redirect(moved(`127.0.0.1:${port}`))?.kind;
    assert.deepEqual([hop(1001), hop(1002), hop(1001)], ["followed", "followed", "followed"]);
    assert.equal(hop(1002), "fatal");
    assert.equal(server.address.port, 1001);
    server.arrived();
    assert.equal(hop(1002), "followed");
    server.restart();
    assert.deepEqual(server.address, HOME);
  },
);

Deno.test("CurrentServer takes a session for being on its way until it has arrived", pure, () => {
  const server = new CurrentServer(HOME, ["127.0.0.1:1001"]);
  const unknown = new FxferError("session_unknown");
  assert.equal(server.redirect(unknown), undefined, "at home it is lost");
  server.redirect(moved("127.0.0.1:1001"));
  const redirection = server.redirect(unknown);
  assert.equal(redirection?.kind, "lost");
  assert.equal(redirection.error.code, "use_another_server");
  assert.equal(server.redirect(new FxferError("max_sessions")), undefined);
  server.arrived();
  assert.equal(server.redirect(unknown), undefined, "it was there, and is lost");
});

Deno.test("CurrentServer refuses a trusted server that is none", pure, () => {
  assert.throws(() => new CurrentServer(HOME, ["files.example"]), RangeError);
});
