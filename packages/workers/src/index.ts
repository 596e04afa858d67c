export { folderBlobs } from "./blobs/folder.js";
export { memoryBlobs } from "./blobs/memory.js";
