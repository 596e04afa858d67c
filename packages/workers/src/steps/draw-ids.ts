import { idRank } from "@millrace/core";

/** Draws some of the ids that come by, each with the same chance, in whatever order they come. */
export class IdDraw {
  private drawn: { readonly id: string; readonly rank: number }[] = [];
  /** Only ids of a lower rank can still be among the drawn. */
  private highest = Number.POSITIVE_INFINITY;

  constructor(
    private readonly count: number,
    private readonly seed: number,
  ) {}

  offer(id: string): void {
    if (this.count === 0) return;
    const rank = idRank(id, this.seed);
    if (rank > this.highest) return;
    this.drawn.push({ id, rank });
    if (this.drawn.length >= 2 * this.count) this.cut();
  }

  ids(): readonly string[] {
    this.cut();
    return this.drawn.map(({ id }) => id);
  }

  private cut(): void {
    const ascending = this.drawn.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1));
    this.drawn = ascending.filter(({ id }, index) => id !== ascending[index - 1]?.id).slice(0, this.count);
    if (this.drawn.length === this.count) this.highest = this.drawn.at(-1)?.rank ?? this.highest;
  }
}
