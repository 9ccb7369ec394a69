import { storageSuite } from "../storage_suite.ts";
import { diskFixture } from "./disk_fixture.ts";

storageSuite("DiskStorage RW", (needs) => diskFixture({ ...needs, tier: "RW" }));

storageSuite("DiskStorage W", (needs) => diskFixture({ ...needs, tier: "W" }), {
  partials: "tier W cannot read",
  read: "tier W cannot read",
  recover: "tier W cannot read",
  refresh: "tier W cannot read",
  sweep: "tier W cannot look",
  memory: "tier W cannot read",
  durable: "tier W cannot flush a folder",
});
