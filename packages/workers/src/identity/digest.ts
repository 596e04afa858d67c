import { createHash } from "node:crypto";
import type { Document, FingerprintParts } from "@millrace/core";

/** sha256 in lower-case hex. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** 128 bits over all that a document puts into the store; equal hash means nothing of it need be done again. */
export function contentHash({ text, title, payload }: Document): string {
  return sha256(canonicalJson([text, title ?? null, payload])).slice(0, 32);
}

/** Digest of everything that changes a vector. */
export function fingerprintOf(parts: FingerprintParts): string {
  return sha256(canonicalJson(parts));
}

/** JSON with object keys in order, so that equal values have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
