export { createChunker } from "./chunkers/create-chunker.js";
export { type ChunkRange, type Piece, planChunks } from "./chunkers/plan-chunks.js";
export { loadTokenizer } from "./tokenize/load-tokenizer.js";
