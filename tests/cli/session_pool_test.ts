/** What a command learns of the way while files are under way (src/cli/send/session_pool.ts). */
import assert from "node:assert/strict";
import { Lap } from "../../src/cli/send/session_pool.ts";
import { pure } from "../helpers/pure.ts";

/** How long a server took to answer a connect. */
const ROUND_TRIP_MS = 60;

/** What a lap tells of which results come at these times after it has begun. */
function tell(...times: readonly number[]): number | undefined {
  const lap = new Lap(times.length, 1000);
  for (const at of times.slice(0, -1)) {
    assert.equal(lap.ended(1000 + at, ROUND_TRIP_MS), undefined, "a lap ends with its last file");
  }
  return lap.ended(1000 + times.at(-1)!, ROUND_TRIP_MS);
}

pure("results that come evenly and late are the server's time: no others have room", () => {
  assert.equal(tell(10, 40, 70, 100), 1);
  assert.equal(tell(1, 2, 3, 61), 1);
});

pure("after as long as a connect took, the way was all that files waited for", () => {
  assert.equal(tell(10, 25, 40, 55), 2);
});

pure("results that come close together after a long wait leave room for as many times more", () => {
  assert.equal(tell(200, 210, 230, 250), 5);
  assert.equal(tell(60, 70, 90, 110), 2);
  assert.equal(tell(60, 80, 100, 125), 1);
});

pure("a lap of one file, and results at one time, tell of room without end", () => {
  assert.equal(tell(300), 300);
  assert.equal(tell(90, 90, 90), 90);
});
