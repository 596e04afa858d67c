import type { z } from "zod";

export const settingGroups = [
  "what to index",
  "documents",
  "model",
  "chunking",
  "running",
  "searching",
  "generating",
  "labelling",
  "checking",
  "watching",
  "showing",
  "output",
] as const;
export type SettingGroup = (typeof settingGroups)[number];

/** Everything there is to know about one option. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  readonly group: SettingGroup;
  /** One sentence, without a full stop at the end. */
  readonly doc: string;
  readonly schema: Schema;
  readonly default: z.output<Schema>;
  /** Where it stands in `millrace.yaml`, with dots between levels; the table's key by default. */
  readonly path?: string;
  /** As commander takes it: `--top <n>`. Lists may repeat it. Settings without one cannot be given on the command line. */
  readonly flag?: string;
  /** A list whose flag may also have several values between commas; where values hold commas themselves, it may not. */
  readonly hasCommas?: boolean;
  /** Environment variables, the first that is set counts. */
  readonly env: readonly string[];
  /** A value for the commented file, where the default is none. */
  readonly example?: string | number | readonly string[];
  /**
   * Not to be set in the file: it decides what is run or where a secret goes, and a file may come with a project
   * somebody else made.
   */
  readonly isFileless?: boolean;
  /** Redacted wherever settings are shown. */
  readonly isSecret?: boolean;
  /** A relative path in the file is meant from the file's folder; `explicit`: only one that begins with a dot. */
  readonly isPath?: "always" | "explicit";
}

/** Keeps the schema's type, so that the settings are typed from their table. */
export function setting<Schema extends z.ZodType>(facts: Setting<Schema>): Setting<Schema> {
  return facts;
}
