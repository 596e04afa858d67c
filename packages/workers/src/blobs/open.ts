import type { BlobStore } from "@millrace/core";
import type { S3BlobOptions } from "../s3/blobs.js";
import { folderBlobs } from "./folder.js";

/** Opens a work folder: `s3://bucket/prefix`, or a local folder. S3's client is loaded only where it is needed. */
export async function openBlobs(work: string, options: S3BlobOptions = {}): Promise<BlobStore> {
  if (!work.startsWith("s3://")) return folderBlobs(work);
  const { s3Blobs } = await import("../s3/blobs.js");
  return s3Blobs(work, options);
}
