/** The engines alone, which need no package but ONNX Runtime: what a bare machine is measured with. */

export { encodeRows } from "./engines/encode-rows.js";
export { createEncoderPool, engineFacts } from "./engines/encoder-pool.js";
export { prepareDevice } from "./gpu/prepare.js";
