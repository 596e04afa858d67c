import type { Detokenizer } from "@millrace/core";
import { answerTexts } from "./answer-texts.js";
import type { Sequence } from "./sequence.js";

/**
 * Finds the rows whose last token completes a stop text. A stop text may begin and end inside tokens, so texts are compared,
 * not ids. Only as many of the last ids are made text as can hold one.
 * @returns the text up to the stop text that begins first, by row
 */
export async function stoppedTexts(
  rows: readonly Sequence[],
  detokenizer: Detokenizer,
): Promise<ReadonlyMap<Sequence, string>> {
  const watched = rows.filter(
    ({ request, generated }) => request.decoding.stopTexts.length > 0 && generated.length > 0,
  );
  if (watched.length === 0) return new Map();
  const ends = await detokenizer.decode(watched.map((row) => row.generated.slice(-idsThatHold(row))));
  const hit = watched.filter((row, index) => firstStop(ends[index] as string, row) >= 0);
  const whole = await answerTexts(
    hit.map((row) => row.answer("stop")),
    detokenizer,
  );
  return new Map(
    hit.flatMap((row, index) => {
      const text = whole[index] as string;
      const place = firstStop(text, row);
      return place < 0 ? [] : [[row, text.slice(0, place)] as const];
    }),
  );
}

/** A token that is text holds at least one byte; special tokens, which hold none, are few. */
function idsThatHold({ request }: Sequence): number {
  return 8 + Math.max(...request.decoding.stopTexts.map((text) => Buffer.byteLength(text)));
}

/** Where the first stop text begins in a text; -1 where there is none. */
function firstStop(text: string, { request }: Sequence): number {
  const places = request.decoding.stopTexts.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
  return places.length === 0 ? -1 : Math.min(...places);
}
