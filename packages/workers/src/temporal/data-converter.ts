import { fileURLToPath } from "node:url";
import type { DataConverter } from "@temporalio/common";
import { createEncryption } from "./codec.js";

/** The module that workers and bundles load where payloads are encrypted. */
export const encodedFailuresPath = fileURLToPath(new URL("./encoded-failures.js", import.meta.url));

/** How clients and workers turn values into payloads: in plain without keys. @throws E_CONFIG for what is no key */
export function dataConverter(keys: readonly string[] = []): { readonly dataConverter?: DataConverter } {
  if (keys.length === 0) return {};
  return { dataConverter: { payloadCodecs: [createEncryption(keys)], failureConverterPath: encodedFailuresPath } };
}
