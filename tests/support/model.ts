import { type BlobStore, MillraceError } from "@millrace/core";
import { memoryBlobs } from "@millrace/workers";
import { randomNumbers } from "./corpus.ts";
import type { Fault } from "./faults.ts";
import {
  expectedPoints,
  keysUnder,
  loadKept,
  type MemoryOutcome,
  manifestIds,
  type PointText,
  quarantinedObjects,
  rangedLimits,
  runInMemory,
  smallLimits,
  storedPoints,
  vectorOfPoint,
} from "./memory-run.ts";
import { MemoryCorpus, type MemoryRow } from "./memory-source.ts";

/** Sort differently by UTF-16 units, by code points and by path segments. */
const keys = ["a.jsonl", "a/b.jsonl", "a-b.jsonl", "b.jsonl", "é.jsonl", "\uffee.jsonl", "😀.jsonl", "😀a.jsonl"];
const words = ["the", "of", "and", "chunk", "heading", "unbreakable", "x", "12"];

/** Plays one random history and checks after each completed run. @returns the number of checks; throws with the history. */
export async function runSequence(seed: number): Promise<number> {
  const history = new History(seed);
  try {
    await history.play();
    return history.checks;
  } catch (error) {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`seed ${seed}: ${history.log.join("; ")}\n${why}`);
  }
}

class History {
  readonly log: string[] = [];
  checks = 0;
  private readonly random: () => number;
  private readonly corpus = new MemoryCorpus();
  private blobs: BlobStore = memoryBlobs();
  private store: string;
  private stores = 0;
  private works = 0;
  /** Points that may be left from before the work folder was deleted. */
  private phantoms: ReadonlySet<string> = new Set();
  /** Documents each object ever had, for what a reading that breaks off does not reach. */
  private readonly past = new Map<string, MemoryRow[]>();
  /** Points at the last check, while nothing but complete runs has happened since. */
  private certain: ReadonlyMap<string, PointText> | undefined = new Map();

  constructor(private readonly seed: number) {
    this.random = randomNumbers(seed);
    this.store = `model-${seed}-0`;
  }

  async play(): Promise<void> {
    this.replace();
    for (let step = 0; step < 10; step += 1) await this.step();
    await this.complete();
  }

  private async step(): Promise<void> {
    const dice = this.random();
    if (dice < 0.3) this.replace();
    else if (dice < 0.4) this.changeRow();
    else if (dice < 0.46) this.remove();
    else if (dice < 0.52) this.breakObject();
    else if (dice < 0.58) this.repair();
    else if (dice < 0.61) this.deleteStore();
    else if (dice < 0.64) await this.deleteWork();
    else if (dice < 0.7) await this.retry();
    else if (dice < 0.88) await this.disturbed();
    else await this.complete();
  }

  private pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.random() * items.length)] as Item;
  }

  private set(key: string, rows: readonly MemoryRow[], failsAfter?: number): void {
    this.corpus.set(key, rows, failsAfter);
    this.past.set(key, [...(this.past.get(key) ?? []), ...rows]);
  }

  private row(): MemoryRow {
    const id = String(Math.floor(this.random() * 9));
    return { id, text: Array.from({ length: Math.floor(this.random() * 22) }, () => this.pick(words)).join(" ") };
  }

  private replace(): void {
    const key = this.pick(keys);
    const rows = Array.from({ length: Math.floor(this.random() ** 2 * 14) }, () => this.row());
    this.log.push(`set ${key} to ${rows.length} rows`);
    this.set(key, rows);
  }

  private changeRow(): void {
    const key = this.pick([...this.corpus.objects.keys()]);
    const object = this.corpus.objects.get(key);
    if (object === undefined || object.rows.length === 0) return;
    const changed = Math.floor(this.random() * object.rows.length);
    this.log.push(`change row ${changed} of ${key}`);
    const text = this.row().text;
    const rows = object.rows.map((row, index) => (index === changed ? { ...row, text } : row));
    this.set(key, rows, object.failsAfter);
  }

  private remove(): void {
    const key = this.pick([...this.corpus.objects.keys()]);
    if (this.corpus.objects.size < 2) return;
    this.log.push(`remove ${key}`);
    this.corpus.objects.delete(key);
  }

  private breakObject(): void {
    const key = this.pick([...this.corpus.objects.keys()]);
    const rows = this.corpus.objects.get(key)?.rows ?? [];
    const failsAfter = Math.floor(this.random() * (rows.length + 1));
    this.log.push(`break ${key} after ${failsAfter} of ${rows.length} rows`);
    this.set(key, rows, failsAfter);
  }

  private repair(): void {
    const broken = [...this.corpus.objects].find(([, { failsAfter }]) => failsAfter !== undefined);
    if (broken === undefined) return;
    this.log.push(`repair ${broken[0]}`);
    this.set(broken[0], broken[1].rows);
  }

  private deleteStore(): void {
    this.stores += 1;
    this.store = `model-${this.seed}-${this.stores}`;
    this.log.push("delete the store");
    this.phantoms = new Set();
    this.certain = undefined;
  }

  private async deleteWork(): Promise<void> {
    this.blobs = memoryBlobs();
    this.log.push("delete the work folder");
    this.works += 1;
    this.phantoms = new Set([...this.phantoms, ...(await this.stored()).keys()]);
    this.certain = undefined;
  }

  private async stored(): Promise<ReadonlyMap<string, PointText>> {
    return storedPoints(this.store).catch(() => new Map());
  }

  /** A run that is killed, stopped, or whose objects change under its feet. */
  private async disturbed(): Promise<void> {
    const stop = new AbortController();
    const at = () => 1 + Math.floor(this.random() ** 1.5 * 260);
    const faults: Fault[] = [];
    const dice = this.random();
    if (dice < 0.65) faults.push({ kind: "crash", at: at(), when: this.pick(["before", "midway", "after"]) });
    else if (dice < 0.8) faults.push({ kind: "call", at: at(), call: () => stop.abort() });
    for (let change = 0; change < 3 && this.random() < 0.4; change += 1) {
      const call = this.pick([() => this.replace(), () => this.changeRow(), () => this.remove()]);
      faults.push({ kind: "call", at: at(), call });
    }
    const scope = this.random() < 0.25 ? { scope: "quarantined" as const } : {};
    const { end, operations } = await this.run({ faults, stop: stop.signal, ...scope }).catch(unlessUnfinished);
    this.log.push(`${"scope" in scope ? "retry " : ""}${end} after ${operations}`);
    this.certain = undefined;
  }

  /** Takes up what is in quarantine and nothing else; the next complete run finds the rest as if it had not been. */
  private async retry(): Promise<void> {
    const before = await this.stored();
    const named = await quarantinedObjects(this.blobs);
    const { end, progress } = await this.run({ scope: "quarantined", isRepeated: false }).catch(unlessUnfinished);
    this.log.push(`retry ${named.size} objects: ${end}`);
    this.certain = undefined;
    const after = await this.stored();
    if (end === "unfinished") return assertEqual("points after a retry that was refused", [...after], [...before]);
    if (progress.some((event) => event.kind === "planned" && event.isResumed)) return;
    const others = (points: ReadonlyMap<string, PointText>) =>
      [...points].filter(([, point]) => !named.has((JSON.parse(point) as [string])[0])).sort();
    assertEqual("points of what was not in quarantine", others(after), others(before));
    const left = await quarantinedObjects(this.blobs);
    for (const object of named) {
      const { rows, failsAfter } = this.corpus.objects.get(object) ?? { rows: [], failsAfter: undefined };
      const isFaulty = failsAfter !== undefined || new Set(rows.map(({ id }) => id)).size < rows.length;
      assertEqual(
        `whether ${object} is still in quarantine`,
        left.has(object),
        isFaulty || !this.corpus.objects.has(object),
      );
      for (const row of isFaulty ? [] : rows) {
        for (const [id, point] of await expectedPoints(object, row))
          assertEqual("a healed point", after.get(id), point);
      }
    }
  }

  private async complete(): Promise<void> {
    const full = this.random() < 0.2;
    this.log.push(full ? "run in full" : "run");
    const outcome = await this.run({ full });
    await this.check();
    if (full) await this.checkFull(outcome);
    // A page of a plan that is found again counts as left by another run: each pass would be planned anew.
    const second = await this.run({ isRepeated: false });
    const planned = second.progress.filter((event) => event.kind === "planned");
    const todo = planned.reduce((sum, { counts }) => sum + counts.newObjects + counts.changedObjects, 0);
    const faulty = [...this.corpus.objects.values()].filter(
      ({ rows, failsAfter }) => failsAfter !== undefined || new Set(rows.map(({ id }) => id)).size < rows.length,
    );
    assertEqual("objects a second run plans, and rows it encodes", [todo, second.encodedRows], [faulty.length, 0]);
    await this.check();
  }

  private run(options: Partial<Parameters<typeof runInMemory>[0]>): Promise<MemoryOutcome> {
    const { corpus, blobs, store } = this;
    const keepVectors = this.random() < 0.3 || this.keepsAll;
    const isRepeated = this.random() < 0.25;
    return runInMemory({ corpus, blobs, store, keepVectors, isRepeated, limits: this.limits, ...options });
  }

  /** Every run of the history keeps its vectors, so that another store can be filled from them. */
  private get keepsAll(): boolean {
    return this.seed % 5 === 0;
  }

  private get limits() {
    const limits = this.seed % 2 === 0 ? smallLimits : rangedLimits;
    const isRoomy = this.seed % 3 === 0;
    return isRoomy ? { ...limits, part: { documents: 8, tokens: 200 }, page: { ...limits.page, objects: 99 } } : limits;
  }

  private async check(): Promise<void> {
    this.checks += 1;
    const stored = await this.stored();
    const { exact, possible } = await this.model();
    for (const [id, point] of exact) assertEqual("a point", stored.get(id), point);
    for (const [id, point] of stored) {
      const isExpected = exact.get(id) === point || possible.get(id)?.has(point) || this.phantoms.has(id);
      if (!isExpected) throw new Error(`phantom ${id} ${point}`);
    }
    for (const [id, point] of this.certain ?? []) {
      if (possible.has(id) && !exact.has(id)) assertEqual("a point of what cannot be read", stored.get(id), point);
    }
    await this.checkWork(stored);
    if (this.keepsAll) await this.checkLoad(stored);
    this.certain = stored;
  }

  /** Points that must be there, and those that may be left of what a broken object does not show any more. */
  private async model() {
    const exact = new Map<string, PointText>();
    const possible = new Map<string, Set<PointText>>();
    for (const [key, { rows, failsAfter }] of this.corpus.objects) {
      const seen = new Set<string>();
      for (const row of rows.slice(0, failsAfter)) {
        if (seen.has(row.id)) continue;
        seen.add(row.id);
        for (const [id, point] of await expectedPoints(key, row)) exact.set(id, point);
      }
      if (failsAfter === undefined) continue;
      for (const row of (this.past.get(key) ?? []).filter(({ id }) => !seen.has(id))) {
        for (const [id, point] of await expectedPoints(key, row)) {
          possible.set(id, (possible.get(id) ?? new Set()).add(point));
        }
      }
    }
    return { exact, possible };
  }

  private async checkWork(stored: ReadonlyMap<string, PointText>): Promise<void> {
    const ids = new Set(await manifestIds(this.blobs));
    const missing = [...ids].filter((id) => !stored.has(id));
    const additional = [...stored.keys()].filter((id) => !ids.has(id) && !this.phantoms.has(id));
    assertEqual("what the manifest says too much or too little", [missing, additional], [[], []]);
    const left = await Promise.all(["plan/", "done/", "batches/"].map((prefix) => keysUnder(this.blobs, prefix)));
    assertEqual("what is left in the work folder", left.flat(), []);
  }

  /** A new store and one that was filled at an earlier check both end with what the manifest says, bit for bit. */
  private async checkLoad(stored: ReadonlyMap<string, PointText>): Promise<void> {
    const ids = await manifestIds(this.blobs);
    if (ids.length === 0) return;
    const expected = [...ids].sort().map((id) => [id, stored.get(id)]);
    for (const store of [`loaded-${this.seed}-${this.checks}`, `loaded-${this.seed}-${this.stores}-${this.works}`]) {
      await loadKept(this.blobs, store);
      assertEqual(`what was loaded into ${store}`, [...(await storedPoints(store))].sort(), expected);
    }
  }

  private async checkFull({ encodedRows }: MemoryOutcome): Promise<void> {
    const { exact } = await this.model();
    // Rows of equal tokens are encoded once.
    const vectors = new Set([...exact.values()].map(vectorOfPoint)).size;
    if (encodedRows < vectors) throw new Error(`a full run encoded ${encodedRows} of ${vectors} vectors`);
  }
}

/** Outcome of a retry that may not run before the index run that was interrupted, or that never was. */
function unlessUnfinished(error: unknown): Omit<MemoryOutcome, "end"> & { readonly end: "unfinished" } {
  if (!(error instanceof MillraceError) || error.code !== "E_JOB_UNFINISHED") throw error;
  return { end: "unfinished", operations: 0, encodedRows: 0, progress: [] };
}

function assertEqual(what: string, actual: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what}: ${left}, not ${right}`);
}
