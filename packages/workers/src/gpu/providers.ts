/** The Python wheel that carries a version of the CUDA provider, and the provider in it. */
export interface PinnedProvider {
  /** Name of the wheel's package, and the tags of the wheel that is fetched: the provider is the same for each Python. */
  readonly package: string;
  readonly python: string;
  readonly platforms: readonly string[];
  /** Of the wheel; it weighs about 247 MB. */
  readonly sha256: string;
  readonly providerSha256: string;
  readonly license: string;
}

/** By ONNX Runtime's version: one for each that millrace has been used with. */
export const pinnedProviders: Readonly<Record<string, PinnedProvider>> = {
  "1.30.0": {
    package: "onnxruntime-gpu",
    python: "3.12",
    platforms: ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64"],
    sha256: "6acc0f4b3d5ac5f2984432faa59dd8fcce6775f8b43a7140afa0f322c7a703b1",
    providerSha256: "35da2e7ed0dd0d1aec5cdb16ce11a51d06c0c48cf62d1b1c9332946a4fae14fc",
    license: "MIT",
  },
};

/** Where the libraries lie in such a wheel. */
export const wheelFolder = "onnxruntime/capi";
