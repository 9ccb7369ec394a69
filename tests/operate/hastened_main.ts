/** The program, in which what takes 10 s is over after 1 s. @module */
import { run } from "../../src/cli/mod.ts";
import { hasten } from "../helpers/hastened.ts";

hasten(10_000, 1000);
Deno.exit(await run(Deno.args));
