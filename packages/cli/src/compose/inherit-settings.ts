import { formOf, type Job } from "@millrace/core";
import { type InheritedSetting, inheritedSettings, inheritedWithModel } from "../config/inherited.js";
import type { Settings } from "../config/settings.js";
import type { LoadedSettings } from "../config.js";

/** The settings that somebody has given; where nobody has, those that the job was made with. */
export function inheritSettings({ settings, origins }: LoadedSettings, job: Job): Settings {
  const isGiven = (key: InheritedSetting) => origins[key] !== "default";
  const ofJob = settingsOf(job);
  const inherited = inheritedSettings.filter((key) => !isGiven(key) && key in ofJob);
  const kept = isGiven("model") ? inherited.filter((key) => !inheritedWithModel.includes(key)) : inherited;
  return { ...settings, ...Object.fromEntries(kept.map((key) => [key, ofJob[key]])) };
}

/** The settings that give this job. */
function settingsOf(job: Job): Partial<Pick<Settings, InheritedSetting>> {
  const { corpus, source, fields, limits, model, chunking, keepVectors, collection } = job;
  return {
    corpus,
    include: [...source.include],
    exclude: [...source.exclude],
    idField: fields.id,
    textField: [...fields.text],
    titleField: fields.title,
    payloadFields: [...fields.payload],
    ...limits,
    model: model.reference,
    onnxFile: model.onnxFile,
    precision: model.precision,
    documentPrompt: model.prompt ?? "",
    dimensions: model.dimensions,
    vectorPrecision: formOf(job).precision,
    chunkingStrategy: chunking.strategy,
    maxTokens: chunking.maxTokens,
    overlap: chunking.overlap,
    keepVectors,
    ...(collection && {
      qdrantQuantization: collection.quantization,
      qdrantVectors: collection.vectors,
      qdrantPayload: collection.payload,
      qdrantHnswM: collection.graphEdges,
      qdrantEfConstruct: collection.graphCandidates,
      qdrantShards: collection.shards,
      qdrantReplicas: collection.replicas,
      payloadIndex: collection.payloadIndexes.map(({ field, type }) => `${field}:${type}`),
    }),
  };
}
