import type { ReindexSummary } from "@millrace/workflows";
import { formatCount, formatCountOf } from "./format.js";

/** What a reindex has done, in lines. @param id of the job whose store it is */
export function reindexLines({ filled, verified, judged, promoted }: ReindexSummary, id: string): readonly string[] {
  const { recall, ranking } = judged;
  const worst = verified.worst === undefined ? "" : `, worst cosine ${verified.worst.cosine.toFixed(6)}`;
  const vectors = `${formatCountOf(verified.sampled, "vector")} compared${worst}`;
  return [
    `filled     ${formatCountOf(filled.documents, "document")}, ${formatCountOf(filled.points, "point")}`,
    `verified   ${formatCountOf(verified.points, "point")}, digest ${verified.digest}; ${vectors}`,
    ...(recall === undefined
      ? []
      : [`recall@10  ${recall.at10.toFixed(4)} of exact search, ${formatCount(recall.queries)} vectors searched for`]),
    ...(ranking === undefined
      ? []
      : [`nDCG@10    ${ranking.ndcgAt10.toFixed(4)}, ${formatCount(ranking.queries)} queries`]),
    `live       generation ${promoted.live}`,
    ...(promoted.dropped.length === 0 ? [] : [`deleted    ${promoted.dropped.join(", ")}`]),
    ...(promoted.kept.length === 0
      ? []
      : [`kept       ${promoted.kept.join(", ")}; go back with: millrace rollback ${id}`]),
  ];
}
