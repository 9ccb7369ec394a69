/** A payload that hands on another one, and does something to it on the way. @module */
import type { Payload } from "../handler/mod.ts";

/** What all such payloads have in common: the facts of the one inside. */
export abstract class PayloadAround implements Payload {
  protected readonly inner: Payload;

  constructor(inner: Payload) {
    this.inner = inner;
  }

  get size(): number {
    return this.inner.size;
  }
  get inBurst(): boolean {
    return this.inner.inBurst ?? false;
  }
  get crowded(): boolean {
    return this.inner.crowded ?? false;
  }

  abstract whole(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  abstract next(): Promise<Uint8Array | undefined>;
}
