import type { Binding, DeviceBuffer, Session } from "@millrace/native";
import { type ArenaShape, filledUp } from "../decoding/arena.js";
import { type DecoderFacts, sourceNames } from "./decoder-facts.js";
import { SlotLayout } from "./slot-layout.js";

/** What a decoder reads of its rows' sources, over our own binding: an encoder's run writes it where decoders' runs read it. */
export class NativeSources {
  private readonly names: readonly string[];
  /** Each layer's keys, then its values: [slots + 1, keyHeads, sources, headWidth]. */
  private readonly caches: readonly DeviceBuffer<"float32">[];
  private readonly layout: SlotLayout;
  /** Tokens of each slot's source. */
  private readonly lengths: Int32Array;
  private readonly boundLengths: DeviceBuffer<"int32">;

  constructor(
    private readonly encoder: Session,
    facts: DecoderFacts,
    private readonly shape: ArenaShape,
  ) {
    const { slots, sources } = shape;
    this.names = sourceNames(facts);
    this.layout = new SlotLayout(facts, sources);
    const dims = [slots + 1, ...this.layout.dims];
    this.caches = this.names.map(() => encoder.createBuffer("float32", dims) as DeviceBuffer<"float32">);
    this.lengths = new Int32Array(slots);
    this.boundLengths = encoder.createBuffer("int32", [slots]) as DeviceBuffer<"int32">;
  }

  async encode(sources: readonly Int32Array[], slots: readonly (readonly number[])[]): Promise<void> {
    const length = sources[0]?.length ?? 0;
    const tokens = filledUp(length);
    await this.run(sources, length, tokens);
    for (const [row, branches] of slots.entries()) {
      for (const to of branches) {
        await this.copyAll(this.layout.copiesOfEncoded(this.shape.slots, row, { to, tokens }));
        this.lengths[to] = length;
      }
    }
  }

  async copy(from: number, to: number): Promise<void> {
    await this.copyAll(this.layout.copies(from, to, this.shape.sources));
    this.lengths[to] = this.lengths[from] as number;
  }

  /** To be called before a run, that it reads what the slots hold now. */
  refresh(): void {
    this.boundLengths.write(this.lengths);
  }

  /** Lets runs read the first slots. */
  bind(binding: Binding, rows: number): void {
    binding.bindInput("source_lengths", this.boundLengths.view(0, [rows]));
    for (const [index, name] of this.names.entries())
      binding.bindInput(name, this.cache(index).view(0, [rows, ...this.layout.dims]));
  }

  close(): void {
    for (const buffer of [...this.caches, this.boundLengths]) buffer.close();
  }

  /** Writes one row behind another in the staging slot. */
  private async run(sources: readonly Int32Array[], length: number, tokens: number): Promise<void> {
    const rows = sources.length;
    const ids = this.encoder.createBuffer("int32", [rows, length]) as DeviceBuffer<"int32">;
    for (const [row, source] of sources.entries()) ids.write(source, row * length);
    const [heads, , width] = this.layout.dims;
    const binding = this.encoder.createBinding().bindInput("ids", ids);
    for (const [index, name] of this.names.entries()) {
      const staging = this.shape.slots * this.layout.length;
      binding.bindOutput(name, this.cache(index).view(staging, [rows, heads, tokens, width]));
    }
    await binding.run();
    ids.close();
  }

  private async copyAll(copies: ReturnType<SlotLayout["copies"]>): Promise<void> {
    await Promise.all(this.caches.map((cache) => cache.copy(cache, copies)));
  }

  private cache(index: number): DeviceBuffer<"float32"> {
    return this.caches[index] as DeviceBuffer<"float32">;
  }
}
