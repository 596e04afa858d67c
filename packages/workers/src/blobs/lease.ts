import type { BlobStore } from "@millrace/core";
import type { Lease } from "../s3/lease.js";
import { lockFolder } from "./folder-lock.js";

export type { Lease };

/** The lease of a work folder in S3. Its client is loaded only here. @throws E_STORE_BUSY while another run holds it */
export async function leaseS3Folder(location: string, lifetimeMilliseconds?: number): Promise<Lease> {
  return (await import("../s3/lease.js")).leaseS3Folder(location, lifetimeMilliseconds);
}

/** Keeps other runs out of a work folder, local or in S3. @throws E_STORE_BUSY while another run works there */
export async function leaseWorkFolder(work: string): Promise<Lease> {
  if (work.startsWith("s3://")) return leaseS3Folder(work);
  const release = await lockFolder(work);
  return { guard: (blobs: BlobStore) => blobs, release };
}
