/** The scenarios of the benchmarks: named loads that can be sent to any server. @module */
import type { LoadPlan, Wire } from "./types.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** A load plan without the server that it is sent to. */
export type Shape = Omit<LoadPlan, "hostname" | "port" | "wire" | "signal" | "timeoutMs">;

/** A load with a name. */
export interface Scenario {
  readonly name: string;
  /** One line for people. */
  readonly title: string;
  /** What its rate counts. */
  readonly unit: "files/s" | "MB/s";
  /** @param files About how many files the load sends in all; 5,000 is its full size. */
  shape(wire: Wire, files: number): Shape;
}

/** Connections that stay open for all their requests. */
const longConnections =
  (connections: number, size: number, window = 1) => (_: Wire, files: number): Shape => ({
    connections,
    size,
    window,
    requests: Math.max(1, Math.round(files / connections)),
  });

/** A connection for each file takes longer: two files are sent where other scenarios send five. */
const connectionPerFile = (connections: number) => (_: Wire, files: number): Shape => ({
  connections,
  size: KIB,
  requests: Math.max(connections, Math.round(files * 0.4)),
  reconnect: true,
});

/** One large file; in a session it comes in frames, as the client sends it. */
function oneLargeFile(wire: Wire, files: number): Shape {
  const pieces = Math.max(2, Math.round(files * 128 / 5000));
  return wire === "stateful"
    ? { connections: 1, requests: pieces, size: 8 * MIB, window: 4, oneFile: true }
    : { connections: 1, requests: 1, size: pieces * 8 * MIB };
}

/** All scenarios, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "A", title: "one upload of 1 GiB", unit: "MB/s", shape: oneLargeFile },
  {
    name: "B",
    title: "5,000 x 1 KiB on one connection, each reply awaited",
    unit: "files/s",
    shape: longConnections(1, KIB),
  },
  {
    name: "C",
    title: "100 connections, 50 x 64 KiB on each",
    unit: "files/s",
    shape: longConnections(100, 64 * KIB),
  },
  {
    name: "D1",
    title: "2,000 x 1 KiB, a connection for each, one at a time",
    unit: "files/s",
    shape: connectionPerFile(1),
  },
  {
    name: "D50",
    title: "2,000 x 1 KiB, a connection for each, 50 at a time",
    unit: "files/s",
    shape: connectionPerFile(50),
  },
  {
    name: "P",
    title: "5,000 x 1 KiB on one connection, 16 in flight",
    unit: "files/s",
    shape: longConnections(1, KIB, 16),
  },
];
