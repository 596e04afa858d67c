/** A text with its variables put in, and whether it had any. */
export interface Interpolation {
  readonly text: string;
  readonly hasVariables: boolean;
  /** A variable that is not set and has no default. */
  readonly missing?: string;
}

/** Puts in `${NAME}` and `${NAME:-default}` (the default also counts for an empty variable); `$$` is a dollar sign. */
export function interpolate(text: string, environment: NodeJS.ProcessEnv): Interpolation {
  let hasVariables = false;
  let missing: string | undefined;
  const filled = text.replaceAll(
    /\$\$|\$\{(\w+)(?::-([^}]*))?\}/g,
    (match, name: string | undefined, fallback?: string) => {
      if (name === undefined) return "$";
      hasVariables = true;
      const value = environment[name];
      if (value !== undefined && (value !== "" || fallback === undefined)) return value;
      if (fallback === undefined) missing ??= name;
      return fallback ?? match;
    },
  );
  return { text: filled, hasVariables, ...(missing !== undefined && { missing }) };
}
