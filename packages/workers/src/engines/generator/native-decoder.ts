import { type Binding, type DeviceBuffer, Session } from "@millrace/native";
import type { ArenaShape } from "../decoding/arena.js";
import type { LoadedWeights } from "../session.js";
import type { Arena, Decoder, RunScores, Wanted } from "./decoder.js";
import {
  cacheNames,
  type DecoderFacts,
  type DecoderParts,
  type DecoderThreads,
  withLeastRows,
} from "./decoder-facts.js";
import { NativeSources } from "./native-sources.js";
import { SlotLayout } from "./slot-layout.js";

/** Over our own binding: keys and values stay where they are, a run works on a view of them, and copies go past JavaScript. */
export async function nativeDecoder(
  graph: Uint8Array,
  facts: DecoderFacts,
  { threads, lanes, weights, encoder: encoderGraph }: DecoderThreads & DecoderParts,
): Promise<Decoder> {
  const open = (bytes: Uint8Array, files: readonly LoadedWeights[]) =>
    Session.create(bytes, {
      optimization: "basic",
      threads,
      lanes,
      weights: files.map(({ path, data }) => ({ name: path, data })),
      entries: spinning,
    });
  const session = await open(graph, weights);
  const encoder = encoderGraph && (await open(encoderGraph, []));
  return {
    vocabularySize: facts.vocabularySize,
    ...(facts.encoder && { start: facts.encoder.start }),
    lanes,
    openArena: async (shape) =>
      new NativeArena(session, facts, {
        ...shape,
        ...(encoder && { given: new NativeSources(encoder, facts, shape) }),
      }),
    close: async () => void (await Promise.all([session.close(), encoder?.close()])),
  };
}

/**
 * A token's products are so short that waking a thread for each costs more than they do: threads look for the next one for
 * as long as the operators between them take, and sleep where others have the cores. On two cores a token of a model of 135
 * million parameters took 14 ms with threads that sleep at once and 10 ms with these; on cores that others use, too, threads
 * that spin on as long as ONNX Runtime lets them take three times as long as either.
 */
const spinning = {
  "session.intra_op.allow_spinning": "1",
  "session.intra_op.spin_duration_us": "50",
  "session.force_spinning_stop": "1",
};

class NativeArena implements Arena {
  readonly slots: number;
  readonly capacity: number;
  readonly sources: number;
  /** Each layer's keys, then its values: [slots + 1, keyHeads, capacity, headWidth]. */
  private readonly caches: readonly DeviceBuffer<"float32">[];
  private readonly layout: SlotLayout;
  private readonly given: NativeSources | undefined;
  private readonly lengths: DeviceBuffer<"int32">;
  private readonly longest: DeviceBuffer<"int32">;
  private readonly positions: DeviceBuffer<"int32">;
  private readonly best: DeviceBuffer<"int32">;
  private ids: DeviceBuffer<"int32">;
  /** The last of each kind, by the slot it begins at. */
  private readonly bindings = new Map<number, { readonly like: string; readonly binding: Binding }>();
  /** Made when logits are first wanted. */
  private logits: DeviceBuffer<"float32"> | undefined;

  constructor(
    private readonly session: Session,
    private readonly facts: DecoderFacts,
    { slots, capacity, sources, given }: ArenaShape & { readonly given?: NativeSources },
  ) {
    this.slots = slots;
    this.capacity = capacity;
    this.sources = sources;
    this.given = given;
    this.layout = new SlotLayout(facts, capacity);
    this.caches = cacheNames(facts).map(() => this.floats([slots + 1, ...this.layout.dims]));
    [this.lengths, this.positions, this.best, this.ids] = [slots, slots, slots, slots].map((count) =>
      this.integers([count]),
    ) as [DeviceBuffer<"int32">, DeviceBuffer<"int32">, DeviceBuffer<"int32">, DeviceBuffer<"int32">];
    this.longest = this.integers([]);
  }

  async copy(from: number, to: number, tokens?: number): Promise<void> {
    const copies = this.layout.copies(from, to, tokens ?? this.capacity);
    await Promise.all(this.caches.map((cache) => cache.copy(cache, copies)));
    if (tokens === undefined) await this.given?.copy(from, to);
  }

  async encode(sources: readonly Int32Array[], slots: readonly (readonly number[])[]): Promise<void> {
    await this.given?.encode(sources, slots);
  }

  async prefill(ids: Int32Array, past: number, wanted: Wanted): Promise<RunScores> {
    return this.run({ ids, tokens: ids.length, pasts: Int32Array.of(past), first: this.slots }, wanted);
  }

  async decode(ids: Int32Array, pasts: Int32Array, wanted: Wanted): Promise<RunScores> {
    const { best, logits } = await this.run({ ...withLeastRows(ids, pasts, this.facts), tokens: 1, first: 0 }, wanted);
    const rows = pasts.length;
    const own = logits?.subarray(0, rows * this.facts.vocabularySize);
    return { best: best.subarray(0, rows), ...(own && { logits: own }) };
  }

  async close(): Promise<void> {
    const others = [this.lengths, this.longest, this.positions, this.best, this.ids];
    for (const buffer of [...this.caches, ...others]) buffer.close();
    this.logits?.close();
    this.given?.close();
  }

  private async run({ ids, tokens, pasts, first }: Run, wanted: Wanted): Promise<RunScores> {
    const rows = pasts.length;
    this.fill(ids, tokens, pasts);
    const binding = this.bindingFor({ rows, tokens, first }, wanted);
    await binding.run();
    if (wanted === "nothing") return { best: new Int32Array(rows) };
    const best = this.best.read(0, rows);
    if (this.logits === undefined || wanted === "best") return { best };
    return { best, logits: await this.logits.readAsync(0, rows * this.facts.vocabularySize) };
  }

  private fill(ids: Int32Array, tokens: number, pasts: Int32Array): void {
    if (ids.length > this.ids.length) {
      this.ids.close();
      this.ids = this.integers([ids.length]);
      this.bindings.clear();
    }
    this.given?.refresh();
    this.ids.write(ids);
    this.lengths.write(pasts.map((past) => past + tokens - 1));
    this.longest.write(Int32Array.of(pasts.reduce((most, past) => Math.max(most, past)) + tokens));
    this.positions.write(new Int32Array(pasts.length).fill(tokens - 1));
  }

  /** Most runs are like the one before them of their kind: to bind the views of all layers anew takes as long as a layer. */
  private bindingFor(place: RunPlace, wanted: Wanted): Binding {
    const { rows, tokens, first } = place;
    const like = `${rows} × ${tokens}, ${wanted}`;
    const last = this.bindings.get(first);
    if (last?.like === like) return last.binding;
    const binding = this.bind(place, wanted);
    this.bindings.set(first, { like, binding });
    return binding;
  }

  private bind({ rows, tokens, first }: RunPlace, wanted: Wanted): Binding {
    const { vocabularySize } = this.facts;
    const binding = this.session
      .createBinding()
      .bindInput("ids", this.ids.view(0, [rows, tokens]))
      .bindInput("seqlens_k", this.lengths.view(0, [rows]))
      .bindInput("total_sequence_length", this.longest)
      .bindInput("logit_positions", this.positions.view(0, [rows]));
    this.given?.bind(binding, rows);
    const offset = first * this.layout.length;
    for (const [index, { past, present }] of cacheNames(this.facts).entries()) {
      const view = (this.caches[index] as DeviceBuffer<"float32">).view(offset, [rows, ...this.layout.dims]);
      binding.bindInput(past, view).bindOutput(present, view);
    }
    if (wanted !== "nothing") binding.bindOutput("best", this.best.view(0, [rows]));
    if (wanted === "logits") {
      this.logits ??= this.floats([this.slots, vocabularySize]);
      binding.bindOutput("logits", this.logits.view(0, [rows, vocabularySize]));
    }
    return binding;
  }

  private floats(dims: readonly number[]): DeviceBuffer<"float32"> {
    return this.session.createBuffer("float32", dims) as DeviceBuffer<"float32">;
  }

  private integers(dims: readonly number[]): DeviceBuffer<"int32"> {
    return this.session.createBuffer("int32", dims) as DeviceBuffer<"int32">;
  }
}

/** Which slots a run works on, and how many tokens of each. */
interface RunPlace {
  readonly rows: number;
  readonly tokens: number;
  readonly first: number;
}

interface Run {
  /** `rows × tokens`. */
  readonly ids: Int32Array;
  readonly tokens: number;
  /** Tokens of each row that are there. */
  readonly pasts: Int32Array;
  readonly first: number;
}
