import type { CommandContext } from "./command.js";
import type { JobQuery } from "./compose/choose-jobs.js";

/** The job that a command line means: settings count only where somebody has set them. */
export function jobQuery({ settings, loaded }: CommandContext, name: string | undefined): JobQuery {
  return { name, store: loaded.origins.store === "default" ? undefined : settings.store };
}

/** Where the job's model is, if somebody has said so; otherwise the job knows. */
export function modelReference({ settings, loaded }: CommandContext): string | undefined {
  return loaded.origins.model === "default" ? undefined : settings.model;
}
