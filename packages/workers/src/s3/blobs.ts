import { DeleteObjectCommand, DeleteObjectsCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import type { BlobStore } from "@millrace/core";
import { checkKey } from "../blobs/keys.js";
import { s3Client } from "./client.js";
import { s3Error, s3Failure } from "./errors.js";
import { asPrefix, decodeKey, parseLocation } from "./location.js";
import { putInParts } from "./multipart.js";
import { attempts, pause, readBody } from "./read.js";

/** Keys of one DeleteObjects call: the protocol's limit. */
const deleteSize = 1_000;

/** A blob larger than this goes in parts of this size. */
const defaultPartBytes = 64 << 20;

export interface S3BlobOptions {
  /** 64 MiB by default; S3 takes no less than 5 MiB. */
  readonly partBytes?: number;
}

/** Blobs below `s3://bucket/prefix`. @throws E_CONFIG when that is not a location */
export function s3Blobs(location: string, { partBytes = defaultPartBytes }: S3BlobOptions = {}): BlobStore {
  const { bucket, path } = parseLocation(location);
  const prefix = asPrefix(path);
  const place = { bucket, partBytes, keyOf: (key: string) => `${prefix}${key}` };
  return {
    get: (key) => named(() => getBytes(place, key), `Cannot read "${key}" of ${location}`, bucket),
    put: (key, bytes, options) =>
      named(() => putBytes(place, key, bytes, options?.onlyIfAbsent), `Cannot write "${key}" of ${location}`, bucket),
    delete: (keys) => named(() => deleteAll(place, keys), `Cannot delete blobs of ${location}`, bucket),
    async *list(below) {
      let token: string | undefined;
      do {
        const page = await named(() => listPage(bucket, prefix + below, token), `Cannot list ${location}`, bucket);
        for (const { Key } of page.Contents ?? []) yield decodeKey(Key ?? "").slice(prefix.length);
        token = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
    },
  };
}

interface Place {
  readonly bucket: string;
  readonly partBytes: number;
  keyOf(key: string): string;
}

async function named<Result>(act: () => Promise<Result>, what: string, bucket: string): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw s3Error(error, what, bucket);
  }
}

async function getBytes({ bucket, keyOf }: Place, key: string): Promise<Uint8Array | undefined> {
  checkKey(key);
  try {
    return await readBody({ Bucket: bucket, Key: keyOf(key) });
  } catch (error) {
    if (s3Failure(error).name === "NoSuchKey") return undefined;
    throw error;
  }
}

async function putBytes(place: Place, key: string, bytes: Uint8Array, onlyIfAbsent = false) {
  checkKey(key);
  const { partBytes } = place;
  const target = { Bucket: place.bucket, Key: place.keyOf(key) };
  const condition = onlyIfAbsent ? ({ IfNoneMatch: "*" } as const) : {};
  for (let attempt = 1; ; attempt++) {
    try {
      if (bytes.length > partBytes) await putInParts({ ...target, bytes, partBytes, condition });
      else await s3Client().send(new PutObjectCommand({ ...target, Body: bytes, ...condition }));
      return true;
    } catch (error) {
      const { status } = s3Failure(error);
      if (onlyIfAbsent && status === 412) return false;
      if (status !== 409 || attempt === attempts) throw error;
      await pause(attempt);
    }
  }
}

async function deleteAll({ bucket, keyOf }: Place, keys: readonly string[]): Promise<void> {
  keys.forEach(checkKey);
  // XML cannot say control characters, so a key with one is named in the address instead.
  const odd = keys.filter((key) => /\p{Cc}|[\uFFFE\uFFFF]/u.test(key));
  for (const key of odd) await s3Client().send(new DeleteObjectCommand({ Bucket: bucket, Key: keyOf(key) }));
  const plain = keys.filter((key) => !odd.includes(key));
  for (let start = 0; start < plain.length; start += deleteSize) {
    const Objects = plain.slice(start, start + deleteSize).map((key) => ({ Key: keyOf(key) }));
    const answer = await s3Client().send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
    );
    const failed = answer.Errors?.find(({ Code }) => Code !== "NoSuchKey");
    if (failed !== undefined) throw new Error(`${failed.Key}: ${failed.Code} ${failed.Message}`);
  }
}

function listPage(bucket: string, prefix: string, token: string | undefined) {
  const page = { Bucket: bucket, Prefix: prefix, ContinuationToken: token, EncodingType: "url" as const };
  return s3Client().send(new ListObjectsV2Command(page));
}
