import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { s3Client } from "./client.js";

/** Parts that are on their way at the same time. */
const partsAtOnce = 3;

export interface LargePut {
  readonly Bucket: string;
  readonly Key: string;
  readonly bytes: Uint8Array;
  /** At least 5 MiB, S3's own least; the last part may be smaller. */
  readonly partBytes: number;
  /** `IfNoneMatch: "*"` where nothing may be replaced; it is the completion that is refused then. */
  readonly condition: { readonly IfNoneMatch?: "*" };
}

/**
 * Uploads in parts: what is lost on the way is sent again by itself, and a large blob uses more than one connection. The
 * blob is there whole once it is completed. Parts of an upload whose process was killed stay in the bucket until a
 * lifecycle rule (`AbortIncompleteMultipartUpload`) clears them away.
 */
export async function putInParts({ Bucket, Key, bytes, partBytes, condition }: LargePut): Promise<void> {
  await inUpload({ Bucket, Key }, condition, (upload) => uploadParts(upload, bytes, partBytes));
}

/** The same of parts that come one after another, each of at least 5 MiB but for the last. */
export async function putPieces(place: Place, parts: AsyncIterable<Uint8Array>): Promise<void> {
  await inUpload(place, {}, async (upload) => {
    const uploaded: UploadedPart[] = [];
    for await (const Body of parts) {
      const PartNumber = uploaded.length + 1;
      const { ETag } = await s3Client().send(new UploadPartCommand({ ...upload, PartNumber, Body }));
      uploaded.push({ PartNumber, ETag });
    }
    return uploaded;
  });
}

/** Completes an upload with the parts that `send` has sent, or gives it up. */
async function inUpload(
  place: Place,
  condition: LargePut["condition"],
  send: (upload: Upload) => Promise<UploadedPart[]>,
): Promise<void> {
  const { UploadId } = await s3Client().send(new CreateMultipartUploadCommand(place));
  try {
    const Parts = await send({ ...place, UploadId });
    await s3Client().send(
      new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts }, ...condition }),
    );
  } catch (error) {
    await s3Client()
      .send(new AbortMultipartUploadCommand({ ...place, UploadId }))
      .catch(() => undefined);
    throw error;
  }
}

interface Place {
  readonly Bucket: string;
  readonly Key: string;
}

interface UploadedPart {
  readonly PartNumber: number;
  readonly ETag: string | undefined;
}

interface Upload extends Place {
  readonly UploadId: string | undefined;
}

async function uploadParts(upload: Upload, bytes: Uint8Array, partBytes: number): Promise<UploadedPart[]> {
  const parts: UploadedPart[] = [];
  const errors: unknown[] = [];
  const count = Math.ceil(bytes.length / partBytes);
  let next = 0;
  const stream = async () => {
    while (next < count && errors.length === 0) {
      const index = next++;
      const Body = bytes.subarray(index * partBytes, (index + 1) * partBytes);
      const PartNumber = index + 1;
      const { ETag } = await s3Client().send(new UploadPartCommand({ ...upload, PartNumber, Body }));
      parts[index] = { PartNumber, ETag };
    }
  };
  const streams = Array.from({ length: partsAtOnce }, () => stream().catch((error: unknown) => errors.push(error)));
  // A part that arrives after its upload was aborted may stay: none is under way when this returns or throws.
  await Promise.all(streams);
  if (errors.length > 0) throw errors[0];
  return parts;
}
