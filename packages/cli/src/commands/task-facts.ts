import type { CommandFacts } from "../command.js";
import type { DefaultNotes } from "../config/options.js";
import type { SettingKey } from "../config/settings.js";

/** What rows are read for a task, and where the lines go. */
const rows = [
  "out",
  "include",
  "exclude",
  "idField",
  "payloadFields",
  "maxRowBytes",
  "maxObjectBytes",
  "maxQuarantined",
  "work",
  "payloadField",
  "store",
  "corpus",
  "qdrantTimeout",
] as const satisfies readonly SettingKey[];
/** How a model with a head runs. */
const judging = ["hosts", "tokenBudget"] as const satisfies readonly SettingKey[];
const ofTask = {
  model: "must be given",
  store: "with --payload-field; default .millrace/store",
} as const satisfies DefaultNotes;
const ofWindows = "by default what the model takes, at most 384";
const ofOverlap = "by default half a window, at most 128";
const inWindows = { ...ofTask, maxTokens: ofWindows, overlap: ofOverlap } as const satisfies DefaultNotes;

/** Settings that other commands have, too. */
export interface SharedSettings {
  /** Where a model that generates is brought from, and how it does. */
  readonly generator: readonly SettingKey[];
  readonly decoding: readonly SettingKey[];
  /** Where a job runs, and how it is followed there. */
  readonly fleet: readonly SettingKey[];
  /** Who hears what a process does. */
  readonly watching: readonly SettingKey[];
  readonly output: readonly SettingKey[];
}

/** A task is done with each row of a source, each once however often it is interrupted. */
export function taskCommands({
  generator,
  decoding,
  fleet,
  watching,
  output,
}: SharedSettings): readonly CommandFacts[] {
  const told = [...watching, ...output];
  const writing: readonly SettingKey[] = [
    ...(["template", "system", "numBeams", "lengthPenalty", "earlyStopping"] as const),
    ...decoding.filter((key) => key !== "logprobs"),
    ...generator,
    ...fleet,
  ];
  return [
    {
      name: "task classify",
      parameters: "<texts>",
      summary: "label texts with a model for sequence classification, or with any --labels by entailment or in words",
      settings: [...rows, "textField", "labels", "hypothesis", "multiLabel", "top", ...judging, ...writing, ...told],
      defaults: { ...ofTask, top: "by default 1" },
      load: async () => (await import("./task.js")).taskCommand("classify"),
    },
    {
      name: "task ner",
      parameters: "<texts>",
      summary: "find the entities in texts with a model for token classification, and where they stand",
      settings: [
        ...([...rows, "textField", "maxTokens", "overlap", ...judging] as const),
        ...generator.filter((key) => key !== "precision"),
        ...told,
      ],
      defaults: inWindows,
      load: async () => (await import("./task.js")).taskCommand("ner"),
    },
    {
      name: "task answer",
      parameters: "<questions>",
      summary: "find the answer to each row's question in its context, with a model for question answering or in words",
      settings: [
        ...rows,
        ...(["top", "maxAnswerTokens", "allowNoAnswer", "maxTokens", "overlap"] as const),
        ...judging,
        ...writing,
        ...told,
      ],
      defaults: { ...inWindows, top: "by default 1" },
      load: async () => (await import("./task.js")).taskCommand("answer"),
    },
    {
      name: "task summarize",
      parameters: "<texts>",
      summary: "summarize texts with a model that generates",
      settings: [...rows, "textField", ...writing, ...told],
      defaults: ofTask,
      load: async () => (await import("./task.js")).taskCommand("summarize"),
    },
    {
      name: "task translate",
      parameters: "<texts>",
      summary: "translate texts with a model that generates, --to a language unless it knows but one",
      settings: [...rows, "textField", "to", "sourceLanguage", ...writing, ...told],
      defaults: ofTask,
      load: async () => (await import("./task.js")).taskCommand("translate"),
    },
    {
      name: "task extract",
      parameters: "<texts>",
      summary: "read --fields, or what a --schema says, out of texts with a model that generates",
      settings: [...rows, "textField", "fields", "schema", ...writing, ...told],
      defaults: ofTask,
      load: async () => (await import("./task.js")).taskCommand("extract"),
    },
  ];
}
