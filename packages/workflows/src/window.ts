/**
 * Works on items as they come, at most `limit` at once, keeping nothing of those that are finished. After the first
 * failure nothing new is begun; what is under way is awaited, then the failure is thrown.
 */
export async function inWindow<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
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
      if (underWay.size >= limit) await Promise.race(underWay);
    }
  } catch (error) {
    failures.push(error);
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
}
