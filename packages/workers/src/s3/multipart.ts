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
  const place = { Bucket, Key };
  const { UploadId } = await s3Client().send(new CreateMultipartUploadCommand(place));
  try {
    const Parts = await uploadParts({ ...place, UploadId }, bytes, partBytes);
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

interface Upload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string | undefined;
}

async function uploadParts(upload: Upload, bytes: Uint8Array, partBytes: number) {
  const parts: { PartNumber: number; ETag: string | undefined }[] = [];
  const count = Math.ceil(bytes.length / partBytes);
  let next = 0;
  const stream = async () => {
    while (next < count) {
      const index = next++;
      const Body = bytes.subarray(index * partBytes, (index + 1) * partBytes);
      const PartNumber = index + 1;
      const { ETag } = await s3Client().send(new UploadPartCommand({ ...upload, PartNumber, Body }));
      parts[index] = { PartNumber, ETag };
    }
  };
  await Promise.all(Array.from({ length: partsAtOnce }, stream));
  return parts;
}
