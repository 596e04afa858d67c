import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** sha256 of a file, lower-case hex, read as a stream. */
export async function digestFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(piece as Uint8Array);
  return hash.digest("hex");
}

/** sha256 over the JSON of a value, lower-case hex. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
