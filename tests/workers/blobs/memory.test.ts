import { memoryBlobs } from "@millrace/workers";
import { describeBlobStore } from "../../conformance/blobs.ts";

describeBlobStore("memory", async () => memoryBlobs());
