import type { TextWindow } from "../tokenize/windows.js";
import { largest, softmax } from "./probabilities.js";

/** A name in a text. */
export interface Entity {
  /** Of its tokens' labels, without what says where in it a token stands. */
  readonly label: string;
  /** Mean probability of its tokens' labels. */
  readonly score: number;
  /** UTF-16 offsets in the text. */
  readonly start: number;
  readonly end: number;
}

/** A window and the logits of its tokens: `tokens × labels`. */
export interface JudgedWindow {
  readonly window: Pick<TextWindow, "sides" | "starts" | "ends">;
  readonly logits: Float32Array;
}

/** The label of tokens outside of every name. */
const outside = "O";

/**
 * Entities of a text in order: those of its windows, as transformers' TokenClassificationPipeline finds them with the
 * aggregation `simple`. Where entities of two windows overlap, the longer one counts, of equally long ones the likelier.
 * Labels may also say where a name ends (BIOES, BILOU), where all of them do.
 */
export function findEntities(windows: readonly JudgedWindow[], labels: readonly string[]): readonly Entity[] {
  const scheme = schemeOf(labels);
  const found = windows.flatMap((window) => entitiesOf(tokensOf(window, labels, scheme)));
  return withoutOverlaps(found);
}

interface Scheme {
  /** What stands before a label's dash. */
  readonly prefix: RegExp;
}

const plainScheme: Scheme = { prefix: /^[BI]-/ };
const endingScheme: Scheme = { prefix: /^[BIESLU]-/ };

function schemeOf(labels: readonly string[]): Scheme {
  return labels.every((label) => label === outside || endingScheme.prefix.test(label)) ? endingScheme : plainScheme;
}

interface LabelledToken extends Entity {
  /** Whether a name begins with it whatever comes before. */
  readonly begins: boolean;
  /** Whether a name ends with it whatever comes after. */
  readonly isLast: boolean;
}

function tokensOf({ window, logits }: JudgedWindow, labels: readonly string[], scheme: Scheme): LabelledToken[] {
  const { sides, starts, ends } = window;
  return [...sides.keys()]
    .filter((index) => sides[index] === 0)
    .map((index) => {
      const scores = softmax(logits.subarray(index * labels.length, (index + 1) * labels.length));
      const [best = 0] = largest(scores, 1);
      const name = labels[best] ?? outside;
      const position = scheme.prefix.exec(name)?.[0] ?? "";
      return {
        label: name.slice(position.length),
        score: scores[best] ?? 0,
        start: starts[index] ?? 0,
        end: ends[index] ?? 0,
        begins: "BSU".includes(position.charAt(0)) && position !== "",
        isLast: "ESLU".includes(position.charAt(0)) && position !== "",
      };
    });
}

function entitiesOf(tokens: readonly LabelledToken[]): readonly Entity[] {
  const groups: LabelledToken[][] = [];
  for (const token of tokens) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const goesOn = last !== undefined && !last.isLast && !token.begins && token.label === last.label;
    if (goesOn) group?.push(token);
    else groups.push([token]);
  }
  return groups.map(entityOf).filter(({ label }) => label !== outside);
}

function entityOf(tokens: readonly LabelledToken[]): Entity {
  const score = tokens.reduce((sum, token) => sum + token.score, 0) / tokens.length;
  return { label: tokens[0]?.label ?? outside, score, start: tokens[0]?.start ?? 0, end: tokens.at(-1)?.end ?? 0 };
}

function withoutOverlaps(entities: readonly Entity[]): readonly Entity[] {
  const kept: Entity[] = [];
  for (const entity of [...entities].sort((left, right) => left.start - right.start)) {
    const previous = kept.at(-1);
    if (previous === undefined || entity.start >= previous.end) kept.push(entity);
    else if (isBetter(entity, previous)) kept[kept.length - 1] = entity;
  }
  return kept;
}

function isBetter(entity: Entity, than: Entity): boolean {
  const longer = entity.end - entity.start - (than.end - than.start);
  return longer > 0 || (longer === 0 && entity.score > than.score);
}
