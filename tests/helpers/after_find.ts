/** Does something between the look for a stored file and what the handler does with it. @module */
import type { DiskStorage } from "../../src/storage/mod.ts";

/** Puts `next`, once, behind the next look of the catalogue that {@linkcode AfterFind.over} was given. */
export class AfterFind {
  next: (() => Promise<unknown>) | undefined;

  over(disk: DiskStorage): DiskStorage {
    const { catalogue } = disk;
    const find: typeof catalogue.find = async (key) => {
      const found = await catalogue.find(key);
      const doing = this.next?.();
      this.next = undefined;
      await doing;
      return found;
    };
    return Object.assign(disk, { catalogue: { ...catalogue, find } });
  }
}
