/**
 * The one in the middle by its size; of an even number the larger of the two.
 * @template Item
 * @param {readonly Item[]} items
 * @param {(item: Item) => number} sizeOf
 */
export function middleOf(items, sizeOf) {
  return [...items].sort((left, right) => sizeOf(left) - sizeOf(right))[items.length >> 1];
}

/** 0 where there is none. @param {readonly number[]} numbers */
export function median(numbers) {
  return middleOf(numbers, (number) => number) ?? 0;
}
