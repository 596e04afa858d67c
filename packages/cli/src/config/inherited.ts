import type { SettingKey } from "./settings.js";

/** How a collection on a server is made. */
export const collectionSettings = [
  "qdrantQuantization",
  "qdrantVectors",
  "qdrantPayload",
  "qdrantHnswM",
  "qdrantEfConstruct",
  "qdrantShards",
  "qdrantReplicas",
  "payloadIndex",
] as const satisfies readonly SettingKey[];

/** What a job that is run again with other settings takes from the job before, where nothing else is said. */
export const inheritedSettings = [
  "corpus",
  "include",
  "exclude",
  "idField",
  "textField",
  "titleField",
  "payloadFields",
  "maxRowBytes",
  "maxObjectBytes",
  "model",
  "onnxFile",
  "precision",
  "dimensions",
  "vectorPrecision",
  "documentPrompt",
  "chunkingStrategy",
  "maxTokens",
  "overlap",
  "keepVectors",
  ...collectionSettings,
] as const satisfies readonly SettingKey[];

export type InheritedSetting = (typeof inheritedSettings)[number];

/** Of these, what another model has of its own: its graph, as many tokens as it takes, its prompt, all its dimensions. */
export const inheritedWithModel: readonly InheritedSetting[] = [
  "onnxFile",
  "maxTokens",
  "documentPrompt",
  "dimensions",
];
