import { describe, expect, test } from "@jest/globals";
import { type Piece, planChunks } from "@millrace/workers";
import fc from "fast-check";

type Sketch = { readonly role: Piece["role"]; readonly tokens: number; readonly parts: readonly Sketch[] };

const tokens = fc.integer({ min: 0, max: 30 });
const atom = (role: "heading" | "body") => tokens.map((tokens): Sketch => ({ role, tokens, parts: [] }));
const opened = fc
  .array(atom("body"), { minLength: 1, maxLength: 5 })
  .map((parts): Sketch => ({ role: "body", tokens: 0, parts }));
const { section } = fc.letrec<{ section: Sketch; part: Sketch }>((tie) => ({
  part: fc.oneof({ maxDepth: 4 }, atom("body"), opened, atom("heading"), tie("section")),
  section: fc
    .tuple(atom("heading"), fc.array(tie("part"), { maxLength: 5 }))
    .map(([heading, parts]): Sketch => ({ role: "section", tokens: 0, parts: [heading, ...parts] })),
}));
const trees = fc
  .array(section, { maxLength: 5 })
  .map((parts) => place({ role: "section", tokens: 0, parts }, { at: 0 }));
const budgets = fc.integer({ min: 1, max: 60 });

describe("planChunks", () => {
  test("covers the text in order, and only an atom alone exceeds the budget", () => {
    fc.assert(
      fc.property(trees, budgets, (root, budget) => {
        const atoms = atomsOf(root);
        const ranges = planChunks(root, budget);
        let end = 0;
        for (const range of ranges) {
          expect(range.start).toBe(end);
          end = range.end;
          const inside = atoms.filter((piece) => piece.start >= range.start && piece.end <= range.end);
          expect(inside.length === 1 || sum(inside) <= budget).toBe(true);
        }
        expect(end).toBe(root.end);
      }),
      { numRuns: 500 },
    );
  });

  test("a heading ends a range only where it and what follows cannot fit together", () => {
    fc.assert(
      fc.property(trees, budgets, (root, budget) => {
        const atoms = atomsOf(root);
        for (const { end } of planChunks(root, budget)) {
          const last = atoms.findIndex((piece) => piece.end === end);
          if (atoms[last]?.role !== "heading") continue;
          const body = atoms.findIndex((piece, index) => index > last && piece.role === "body");
          if (body >= 0) expect(sum(atoms.slice(last, body + 1))).toBeGreaterThan(budget);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a section that fits is never cut", () => {
    fc.assert(
      fc.property(trees, budgets, (root, budget) => {
        const atoms = atomsOf(root);
        const ranges = planChunks(root, budget);
        for (const { start, end, tokens } of sectionsOf(root)) {
          const before = atoms.find((piece) => piece.end === start);
          const last = atoms.find((piece) => piece.end === end);
          if (start === end || tokens > budget || before?.role === "heading" || last?.role === "heading") continue;
          expect(ranges.some((range) => range.start <= start && range.end >= end)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("packs neighbours that fit together and opens what does not", () => {
    const part = (tokens: number, parts: readonly Sketch[] = []): Sketch => ({ role: "body", tokens, parts });
    const root = place(
      { role: "section", tokens: 0, parts: [part(4), part(5), part(0, [part(6), part(7)]), part(3)] },
      { at: 0 },
    );
    expect(planChunks(root, 10)).toEqual([
      { start: 0, end: 2 },
      { start: 2, end: 3 },
      { start: 3, end: 5 },
    ]);
  });
});

/** Gives every atom one unit of text. */
function place({ role, tokens, parts }: Sketch, cursor: { at: number }): Piece {
  const start = cursor.at;
  const placed = parts.map((part) => place(part, cursor));
  if (parts.length === 0 && role !== "section") cursor.at += 1;
  return { role, start, end: cursor.at, tokens: parts.length === 0 ? tokens : sum(placed), parts: placed };
}

function atomsOf(piece: Piece): readonly Piece[] {
  if (piece.parts.length > 0) return piece.parts.flatMap(atomsOf);
  return piece.role === "section" ? [] : [piece];
}

function sectionsOf(piece: Piece): readonly Piece[] {
  return [...(piece.role === "section" ? [piece] : []), ...piece.parts.flatMap(sectionsOf)];
}

function sum(pieces: readonly Piece[]): number {
  return pieces.reduce((total, piece) => total + piece.tokens, 0);
}
