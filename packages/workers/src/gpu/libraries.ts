/** A shared library that ONNX Runtime's CUDA provider loads. */
export interface CudaLibrary {
  /** As the loader looks for it. */
  readonly name: string;
  /** False for one that is only loaded by operators which encoders do not have. */
  readonly isNeeded: boolean;
  /** Where it comes from: the driver, or a Python package that carries it. */
  readonly origin: string;
}

/** In the order in which one needs another: the names are those of CUDA 13, which the provider was built for. */
export const cudaLibraries: readonly CudaLibrary[] = [
  { name: "libcuda.so.1", isNeeded: true, origin: "the NVIDIA driver, 580 or newer" },
  { name: "libcudart.so.13", isNeeded: true, origin: "nvidia-cuda-runtime" },
  { name: "libcublasLt.so.13", isNeeded: true, origin: "nvidia-cublas" },
  { name: "libcublas.so.13", isNeeded: true, origin: "nvidia-cublas" },
  { name: "libcurand.so.10", isNeeded: true, origin: "nvidia-curand" },
  { name: "libnvrtc.so.13", isNeeded: false, origin: "nvidia-cuda-nvrtc" },
  { name: "libcufft.so.12", isNeeded: false, origin: "nvidia-cufft" },
  { name: "libcudnn.so.9", isNeeded: false, origin: "nvidia-cudnn-cu13" },
];

/** The driver's library: without it there is no GPU, whatever else is installed. */
export const driverLibrary = "libcuda.so.1";

/** The same library of the CUDA version before, whose presence explains why the one that is needed is not there. */
export function formerName(name: string): string | undefined {
  return name.endsWith(".so.13") ? name.replace(/13$/, "12") : undefined;
}

/** What to do about a missing library. */
export function remedyOf({ name, origin }: CudaLibrary): string {
  if (name === driverLibrary) return `Install ${origin}, or give the container its GPU (--gpus all)`;
  return `Install it: python3 -m pip install ${origin}; or put its folder into LD_LIBRARY_PATH`;
}

/** NVIDIA's library for watching GPUs, which comes with the driver. */
export const managementLibrary = "libnvidia-ml.so.1";
