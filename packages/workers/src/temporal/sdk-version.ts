import { createRequire } from "node:module";

/** Of Temporal's SDK, without loading it. */
export function temporalSdkVersion(): string {
  const facts = createRequire(import.meta.url)("@temporalio/worker/package.json") as { readonly version: string };
  return facts.version;
}
