import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { s3Client } from "./client.js";
import { s3Error } from "./errors.js";
import { parseLocation } from "./location.js";
import { putPieces } from "./multipart.js";
import { openS3Object } from "./object.js";

/** Of ten thousand parts, which is the protocol's limit, 156 GiB. */
const partBytes = 16 << 20;

/** One object that is written from front to back. */
export interface S3Output {
  /** Begins an upload and gives it up: leaves nothing behind. @throws E_CREDENTIALS, E_BUCKET_MISSING, E_UNREACHABLE, E_IO */
  check(): Promise<void>;
  write(pieces: AsyncIterable<Uint8Array>): Promise<void>;
  read(): AsyncIterable<Uint8Array>;
}

/** @throws E_CONFIG where the place is not `s3://bucket/key` */
export function s3Output(place: string): S3Output {
  const { bucket, path: key } = parseLocation(place);
  const target = { Bucket: bucket, Key: key };
  const named = async (act: () => Promise<void>) => {
    try {
      await act();
    } catch (error) {
      throw s3Error(error, `Cannot write ${place}`, bucket);
    }
  };
  return {
    check: () =>
      named(async () => {
        const { UploadId } = await s3Client().send(new CreateMultipartUploadCommand(target));
        await s3Client().send(new AbortMultipartUploadCommand({ ...target, UploadId }));
      }),
    write: (pieces) =>
      named(async () => {
        const parts = inParts(pieces);
        const first = await parts.next();
        const second = await parts.next();
        if (second.done)
          await s3Client().send(new PutObjectCommand({ ...target, Body: first.value ?? new Uint8Array() }));
        else await putPieces(target, chained([first.value as Uint8Array, second.value], parts));
      }),
    async *read() {
      const { ContentLength: bytes = 0, ETag: version = "" } = await s3Client().send(new HeadObjectCommand(target));
      const object = await openS3Object({ bucket, key }, { key, bytes, version });
      yield* object.stream();
    },
  };
}

/** Pieces put together to parts of 16 MiB or more, but for the last. */
async function* inParts(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  let gathered: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    gathered.push(piece);
    bytes += piece.length;
    if (bytes < partBytes) continue;
    yield Buffer.concat(gathered);
    [gathered, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(gathered);
}

async function* chained(first: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  yield* rest;
}
