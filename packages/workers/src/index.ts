export { createChunker } from "./chunkers/create-chunker.js";
export { loadTokenizer } from "./tokenize/load-tokenizer.js";
