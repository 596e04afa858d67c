/** The line of the child's stack that names the error, or the signal that ended it. */
export function reasonOf(error: unknown): string {
  const { signal, stderr, message } = error as Error & { signal?: string; stderr?: string };
  if (signal) return `loading it ended with ${signal}`;
  return /^\w*Error\b.*$/m.exec(stderr ?? "")?.[0] ?? message.split("\n")[0] ?? "it cannot be loaded";
}
