import type { BlobStore } from "@millrace/core";
import { folderBlobs } from "./folder.js";

/** Opens a work folder. */
export async function openBlobs(work: string): Promise<BlobStore> {
  return folderBlobs(work);
}
