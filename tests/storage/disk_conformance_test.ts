import { storageSuite } from "../storage_suite.ts";
import { diskFixture } from "./disk_fixture.ts";

storageSuite("DiskStorage RW", (needs) => diskFixture({ ...needs, tier: "RW" }));

storageSuite("DiskStorage W", (needs) => diskFixture({ ...needs, tier: "W" }), {
  reopen: "tier W cannot read",
  memory: "tier W cannot read",
  durable: "tier W cannot flush a folder",
});
