import type { LoadedSettings } from "../config.js";
import { pathOf, settingKeys, settingOf } from "./settings.js";

/** An option as it is in force, and where its value came from. */
export interface ShownSetting {
  readonly key: string;
  /** Secrets are replaced by asterisks. */
  readonly value: unknown;
  readonly origin: string;
}

/** What `config show` shows, in the table's order. */
export function showSettings({ settings, origins }: LoadedSettings): readonly ShownSetting[] {
  return settingKeys.map((key) => {
    const value = settings[key];
    const isHidden = settingOf(key).isSecret === true && value !== undefined;
    return { key: pathOf(key), value: isHidden ? "********" : value, origin: origins[key] };
  });
}

/** One line per option; with origins as comments behind, in one column. */
export function formatSettings(shown: readonly ShownSetting[], { hasOrigins }: { hasOrigins: boolean }): string {
  const lines = shown.map(({ key, value, origin }) => ({ line: `${key}: ${JSON.stringify(value ?? null)}`, origin }));
  const width = Math.max(0, ...lines.map(({ line }) => line.length));
  return lines.map(({ line, origin }) => `${hasOrigins ? `${line.padEnd(width)}  # ${origin}` : line}\n`).join("");
}
