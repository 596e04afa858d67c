import type { Lease, LeaseOptions } from "../s3/lease.js";
import { lockFolder } from "./folder-lock.js";

export type { Lease, LeaseOptions };

/** The lease of a work folder in S3. Its client is loaded only here. @throws E_STORE_BUSY while another run holds it */
export async function leaseS3Folder(location: string, options?: LeaseOptions): Promise<Lease> {
  return (await import("../s3/lease.js")).leaseS3Folder(location, options);
}

/** Keeps other runs out of a work folder, local or in S3. @throws E_STORE_BUSY while another run works there */
export async function leaseWorkFolder(work: string): Promise<Lease> {
  if (work.startsWith("s3://")) return leaseS3Folder(work);
  // Another process takes it over only from one that is dead, which checks nothing any more.
  return { ...unchecked, release: await lockFolder(work) };
}

/**
 * The lease that all workers of a Temporal server hold together, so that a run in one process keeps away. A local folder
 * is left open: workers of one machine share it, and a lock knows one process.
 */
export async function joinWorkFolder(work: string): Promise<Lease> {
  if (work.startsWith("s3://")) return leaseS3Folder(work, { sharedBy: "temporal" });
  return { ...unchecked, release: async () => {} };
}

const unchecked = { check: async () => {}, confirm: async () => {} };
