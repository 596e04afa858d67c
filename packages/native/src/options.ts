import type { SessionPlan } from "./addon.js";
import { invalid } from "./failure.js";

/** ONNX Runtime's numbers for how far it may change a graph. */
const optimizations = { none: 0, basic: 1, extended: 2, all: 99 } as const;
const arenaGrowths = { "power-of-two": "kNextPowerOfTwo", "as-requested": "kSameAsRequested" } as const;
/** Bits of the CUDA provider's `sdpa_kernel`. */
const attentions = { flash: 1, efficient: 2, tensorrt: 4 | 32 | 64 | 128, cudnn: 8, math: 16, lean: 256 } as const;

/** How a session is made. */
export interface SessionOptions {
  /** `cpu` (the default) or `cuda:N`. */
  readonly device?: string;
  /** Runs at the same time on one copy of the weights, 1 by default; one on CUDA, whatever is asked for. */
  readonly lanes?: number;
  /** Threads that share one run, 1 by default. */
  readonly threads?: number;
  /** How far ONNX Runtime may change the graph; `basic` by default. */
  readonly optimization?: keyof typeof optimizations;
  /** CUDA: bytes the session's arena may take. */
  readonly memoryLimit?: number;
  /** CUDA: whether the arena grows by powers of two, ONNX Runtime's default, or by what is asked for. */
  readonly arenaGrowth?: keyof typeof arenaGrowths;
  /** CUDA: lets 32-bit products use TF32. */
  readonly tf32?: boolean;
  /** CUDA: the kernels that attention may choose from; by default what ONNX Runtime's environment variables say. */
  readonly attention?: readonly (keyof typeof attentions)[];
  /**
   * CUDA: captures the first bound run as a graph and replays it. What is replayed are addresses, so bind every input and
   * output, each time the same buffers on the GPU with the same dimensions, and write what changes into them. Each node must
   * run on the GPU, and there may be no control flow. `run` is refused: its inputs lie elsewhere each time.
   */
  readonly cudaGraph?: boolean;
  /** Session configuration entries, passed on as they are. */
  readonly entries?: Readonly<Record<string, string>>;
}

/** What the addon makes of options. @throws NATIVE_INVALID_ARGUMENT for what is none, or not for the device */
export function planOf(options: SessionOptions): SessionPlan {
  const { device = "cpu", optimization = "basic", entries = {} } = options;
  const gpu = gpuOf(device);
  const cuda = cudaSettings(options);
  const [stray] = Object.keys(cuda);
  if (gpu === undefined && stray !== undefined) throw invalid(`${stray} is set, which is for a CUDA device`);
  const lanes = count("lanes", options.lanes);
  return {
    ...(gpu !== undefined && { gpu }),
    lanes: gpu === undefined ? lanes : 1,
    threads: count("threads", options.threads),
    optimization: named("optimization", optimizations, optimization),
    entries: { ...entries },
    cuda: gpu === undefined ? {} : { ...cuda, device_id: String(gpu) },
  };
}

/** The number of a GPU, none for the processor. @throws NATIVE_INVALID_ARGUMENT for what is no device */
export function gpuOf(device: string): number | undefined {
  const [, number] = /^cuda:(\d{1,3})$/.exec(device) ?? [];
  if (number === undefined && device !== "cpu")
    throw invalid(`a device is cpu or cuda:N, not ${JSON.stringify(device)}`);
  return number === undefined ? undefined : Number(number);
}

/** Settings of the CUDA provider, by its own names. */
function cudaSettings({
  memoryLimit,
  arenaGrowth,
  tf32,
  attention,
  cudaGraph,
}: SessionOptions): Record<string, string> {
  const kernels = attention?.map((name) => named("attention", attentions, name));
  return {
    ...(memoryLimit !== undefined && { gpu_mem_limit: String(memoryLimit) }),
    ...(arenaGrowth !== undefined && { arena_extend_strategy: named("arena growth", arenaGrowths, arenaGrowth) }),
    ...(tf32 !== undefined && { use_tf32: tf32 ? "1" : "0" }),
    ...(kernels !== undefined && { sdpa_kernel: String(kernels.reduce((bits: number, bit) => bits | bit, 0)) }),
    ...(cudaGraph !== undefined && { enable_cuda_graph: cudaGraph ? "1" : "0" }),
  };
}

function named<All extends object>(what: string, all: All, name: keyof All): All[keyof All] {
  if (!Object.hasOwn(all, name)) throw invalid(`there is no ${what} ${JSON.stringify(name)}`);
  return all[name];
}

function count(name: string, number = 1): number {
  if (Number.isInteger(number) && number >= 1 && number <= 1024) return number;
  throw invalid(`${name} must be 1 to 1024, not ${number}`);
}
