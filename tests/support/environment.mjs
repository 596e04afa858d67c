import { TestEnvironment } from "jest-environment-node";

/**
 * Jest runs each test file in a realm of its own, where `new Float32Array()` is not an instance of the Float32Array that
 * native addons and Node's core know. Sharing the host's binary types makes `instanceof` hold across the seam.
 */
export default class SharedBinaryTypes extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const name of sharedNames) this.global[name] = globalThis[name];
  }
}

const sharedNames = [
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "Buffer",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int8Array",
  "Uint16Array",
  "Int16Array",
  "Uint32Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
];
