import { type Shard, shardBytes } from "@millrace/core";

/** Shards evenly spread over the corpus that together hold about `bytes`; all of them where there are no more. */
export function spreadSample(shards: readonly Shard[], bytes: number): readonly Shard[] {
  const sizes = shards.map(shardBytes);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= bytes) return shards;
  const wanted = Math.max(1, Math.floor((shards.length * bytes) / total));
  return Array.from({ length: wanted }, (_, index) => shards[Math.floor((index * shards.length) / wanted)] as Shard);
}
