/** How many items may be worked on at once. */
export interface Window {
  /** Read whenever there may be room for another item. */
  readonly limit: number;
  /** Resolves when the limit is next changed; without it, it never is. */
  changed?(): Promise<void>;
}

/**
 * Works on items as they come, at most as many at once as the window allows, keeping nothing of those that are finished. After the first
 * failure nothing new is begun; what is under way is awaited, then the failure is thrown.
 */
export async function inWindow<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  window: Window,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  try {
    for await (const item of items) {
      if (failures.length > 0) break;
      const settled: Promise<void> = work(item)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => underWay.delete(settled));
      underWay.add(settled);
      while (underWay.size >= window.limit) await Promise.race([...underWay, ...changes(window)]);
    }
  } catch (error) {
    failures.push(error);
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
}

function changes(window: Window): readonly Promise<void>[] {
  return window.changed === undefined ? [] : [window.changed()];
}
