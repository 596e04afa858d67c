import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { MillraceError } from "@millrace/core";
import type { Payload, PayloadCodec } from "@temporalio/common";

const algorithm = "aes-256-gcm";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
/** What a payload's `encoding` says of one that is encrypted; the name is the one Temporal's samples use. */
const encrypted = "binary/encrypted";
const keyIdField = "encryption-key-id";

/**
 * Encrypts what jobs carry through a Temporal server: inputs, results, signals, heartbeats and failures. The first key
 * encrypts, all of them decrypt, so that keys can be exchanged while jobs run. A payload in plain is let through.
 * @param keys 32 bytes each, in base64
 * @throws E_CONFIG where one is not
 */
export function createEncryption(keys: readonly string[]): PayloadCodec {
  const [first, ...others] = keys.map(parseKey);
  if (first === undefined) throw invalidKey();
  const byId = new Map([first, ...others].map((key) => [key.id, key]));
  return {
    encode: async (payloads) => payloads.map((payload) => encrypt(payload, first)),
    decode: async (payloads) => payloads.map((payload) => decrypt(payload, byId)),
  };
}

interface Key {
  /** Beginning of the sha256 of its bytes: says which key it is and nothing about it. */
  readonly id: string;
  readonly bytes: Buffer;
}

function parseKey(text: string): Key {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== keyBytes) throw invalidKey();
  return { id: createHash("sha256").update(bytes).digest("hex").slice(0, 16), bytes };
}

function invalidKey(): MillraceError {
  return new MillraceError("E_CONFIG", "MILLRACE_TEMPORAL_KEY holds no key", {
    why: "a key is 32 bytes in base64",
    fix: "Make one with: openssl rand -base64 32",
  });
}

function encrypt(payload: Payload, { id, bytes }: Key): Payload {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, bytes, nonce).setAAD(Buffer.from(id));
  const content = Buffer.concat([cipher.update(toBytes(payload)), cipher.final()]);
  return {
    metadata: { encoding: Buffer.from(encrypted), [keyIdField]: Buffer.from(id) },
    data: Buffer.concat([nonce, cipher.getAuthTag(), content]),
  };
}

function decrypt(payload: Payload, keys: ReadonlyMap<string, Key>): Payload {
  if (textOf(payload, "encoding") !== encrypted) return payload;
  const key = keys.get(textOf(payload, keyIdField));
  if (key === undefined) throw refused(`it was encrypted with the key ${textOf(payload, keyIdField)}`);
  const data = Buffer.from(payload.data ?? []);
  const decipher = createDecipheriv(algorithm, key.bytes, data.subarray(0, nonceBytes));
  decipher.setAAD(Buffer.from(key.id)).setAuthTag(data.subarray(nonceBytes, nonceBytes + tagBytes));
  try {
    return fromBytes(Buffer.concat([decipher.update(data.subarray(nonceBytes + tagBytes)), decipher.final()]));
  } catch (cause) {
    throw refused("it is not what was encrypted", cause);
  }
}

function refused(why: string, cause?: unknown): MillraceError {
  return new MillraceError("E_CREDENTIALS", "a job's data on the Temporal server cannot be decrypted", {
    why,
    fix: "Give all keys in use in MILLRACE_TEMPORAL_KEY, with commas between them; the first one encrypts.",
    cause,
  });
}

function textOf({ metadata }: Payload, field: string): string {
  return Buffer.from(metadata?.[field] ?? []).toString("utf8");
}

/** Length of the metadata as 32-bit little-endian, the metadata as JSON with base64 values, then the data. */
function toBytes({ metadata, data }: Payload): Buffer {
  const fields = Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString("base64")]);
  const head = Buffer.from(JSON.stringify(Object.fromEntries(fields)));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, Buffer.from(data ?? [])]);
}

function fromBytes(bytes: Buffer): Payload {
  const end = 4 + bytes.readUInt32LE(0);
  const fields = JSON.parse(bytes.subarray(4, end).toString("utf8")) as Record<string, string>;
  const metadata = Object.entries(fields).map(([name, value]) => [name, Buffer.from(value, "base64")]);
  return { metadata: Object.fromEntries(metadata), data: bytes.subarray(end) };
}
