import type { BlobStore, Encoder, Sink } from "@millrace/core";

/** Thrown by every operation of a run that has crashed: nothing of it has any effect any more. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/** What happens at the n-th operation of a run. */
export type Fault =
  | { readonly kind: "crash"; readonly at: number; readonly when: "before" | "midway" | "after" }
  | { readonly kind: "call"; readonly at: number; readonly call: () => void };

/** Counts the operations of one run on its blobs, sink, encoder and source, and lets faults happen among them. */
export class Faults {
  operations = 0;
  private hasCrashed = false;

  constructor(private readonly faults: readonly Fault[]) {}

  /** Runs an operation; a crash midway runs `midway`, which does a part of it. */
  async operate<Result>(
    operation: () => Promise<Result>,
    midway: () => Promise<unknown> = async () => {},
  ): Promise<Result> {
    this.alive();
    this.operations += 1;
    const due = this.faults.filter(({ at }) => at === this.operations);
    for (const fault of due) if (fault.kind === "call") fault.call();
    const crash = due.find((fault) => fault.kind === "crash");
    if (crash === undefined) {
      const result = await operation();
      this.alive();
      return result;
    }
    this.hasCrashed = true;
    if (crash.when === "after") await operation();
    if (crash.when === "midway") await midway();
    throw new Crash(`at operation ${this.operations}`);
  }

  blobs(base: BlobStore): BlobStore {
    return {
      get: (key) => this.operate(() => base.get(key)),
      put: (key, bytes, options) => this.operate(() => base.put(key, bytes, options)),
      delete: (keys) =>
        this.operate(
          () => base.delete(keys),
          () => base.delete(keys.filter((_, index) => (index + this.operations) % 2 === 0)),
        ),
      list: (prefix) => this.list(base, prefix),
    };
  }

  sink(base: Sink): Sink {
    return {
      open: (schema) => base.open(schema),
      upsert: (points) => this.operate(() => base.upsert(points)),
      delete: (ids) =>
        this.operate(
          () => base.delete(ids),
          () => base.delete(ids.slice(1)),
        ),
      finish: () => this.operate(() => base.finish()),
      close: () => base.close(),
    };
  }

  encoder(base: Encoder): Encoder {
    return { ...base, encode: (batch) => this.operate(() => base.encode(batch)) };
  }

  private async *list(base: BlobStore, prefix: string): AsyncGenerator<string> {
    await this.operate(async () => {});
    for await (const key of base.list(prefix)) {
      this.alive();
      yield key;
    }
  }

  private alive(): void {
    if (this.hasCrashed) throw new Crash("this run is dead");
  }
}
