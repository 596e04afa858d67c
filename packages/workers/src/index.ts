export { folderBlobs } from "./blobs/folder.js";
export { memoryBlobs } from "./blobs/memory.js";
export { createSearcher, createSink, parseStoreUri, type StoreDriver, storeDrivers } from "./sinks/create.js";
export { matchesFilter, parseFilter } from "./sinks/filter.js";
export { createChunker } from "./chunkers/create-chunker.js";
export { loadTokenizer } from "./tokenize/load-tokenizer.js";
