/** node:fs as src/storage gets it in a test: the same, with the calls watched. @module */
import fs from "node:fs";
import { watch } from "./file_faults.ts";

type Fs = typeof fs;
const second = (args: unknown[]) => args[1] as Uint8Array;

export const openSync: Fs["openSync"] = watch("openSync", fs.openSync);
export const writeSync: Fs["writeSync"] = watch("writeSync", fs.writeSync, second);
export const fstatSync: Fs["fstatSync"] = watch("fstatSync", fs.fstatSync) as Fs["fstatSync"];
export const fsyncSync: Fs["fsyncSync"] = watch("fsyncSync", fs.fsyncSync);
export const existsSync: Fs["existsSync"] = watch("existsSync", fs.existsSync);
export const statfsSync: Fs["statfsSync"] = watch("statfsSync", fs.statfsSync) as Fs["statfsSync"];
export const closeSync: Fs["closeSync"] = fs.closeSync;
export const constants: Fs["constants"] = fs.constants;
