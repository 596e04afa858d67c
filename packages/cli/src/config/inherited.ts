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
  "precision",
  "dimensions",
  "documentPrompt",
  "chunkingStrategy",
  "maxTokens",
  "overlap",
  "keepVectors",
  ...collectionSettings,
] as const satisfies readonly SettingKey[];

export type InheritedSetting = (typeof inheritedSettings)[number];
