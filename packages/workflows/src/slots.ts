/** So many things may be under way at once; whoever comes first is served first. */
export class Slots {
  /** What is under way. */
  taken = 0;
  private readonly waiting: { readonly count: number; readonly begin: () => void }[] = [];
  private changes = Promise.withResolvers<void>();

  constructor(private most: number) {}

  get limit(): number {
    return this.most;
  }

  /** Resolves when so many more may be begun. What is more than all of the slots is begun when nothing else is under way. */
  async take(count: number): Promise<void> {
    if (this.waiting.length === 0 && this.fits(count)) {
      this.taken += count;
      return;
    }
    await new Promise<void>((begin) => this.waiting.push({ count, begin }));
  }

  give(count: number): void {
    this.taken -= count;
    this.admit();
  }

  resize(limit: number): void {
    this.most = limit;
    this.admit();
    const { resolve } = this.changes;
    this.changes = Promise.withResolvers<void>();
    resolve();
  }

  /** Resolves when the limit is next changed. */
  resized(): Promise<void> {
    return this.changes.promise;
  }

  private fits(count: number): boolean {
    return this.taken === 0 || this.taken + count <= this.most;
  }

  private admit(): void {
    for (let next = this.waiting[0]; next !== undefined && this.fits(next.count); next = this.waiting[0]) {
      this.waiting.shift();
      this.taken += next.count;
      next.begin();
    }
  }
}
