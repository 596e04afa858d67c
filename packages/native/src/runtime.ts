import type * as Addon from "./addon.js";
import type { Telemetry } from "./addon.js";
import { addon, bundledLibrary, whyAbsent } from "./load.js";

export interface TelemetryOptions {
  /** Path or name of NVIDIA's management library, which comes with the driver. */
  readonly library?: string;
}

export interface RuntimeOptions {
  /** Path of libonnxruntime; by default the one that onnxruntime-node brings. */
  readonly library?: string;
}

/** The ONNX Runtime of this process. There is one: onnxruntime-node, loaded from the same file, shares it. */
export class Runtime {
  /** The addon's own version. */
  get version(): string {
    return this.addon.version();
  }

  private constructor(
    /** The library's file. */
    readonly library: string,
    /** How the library was built. */
    readonly description: string,
    /** @internal */
    readonly addon: typeof Addon,
  ) {}

  /** Whether the addon is there; everything else of this package throws where it is not. */
  static isPresent(): boolean {
    return addon !== undefined;
  }

  /** Why the addon is not there, in a few words. */
  static whyAbsent(): string | undefined {
    return whyAbsent;
  }

  /** What the machine's NVIDIA GPUs do at this moment; where there are none, why. Needs no ONNX Runtime, and never throws. */
  static async telemetry({ library = "libnvidia-ml.so.1" }: TelemetryOptions = {}): Promise<Telemetry> {
    return addon === undefined ? { gpus: [], why: `no native binding: ${whyAbsent}` } : addon.readTelemetry(library);
  }

  /**
   * Opens the library, or says what it is where it is open.
   * @throws Error with code NATIVE_LIBRARY where the addon is missing, the library cannot be loaded or is older than the
   * addon needs, or another one is open.
   */
  static open({ library = bundledLibrary() }: RuntimeOptions = {}): Runtime {
    if (addon === undefined) {
      throw Object.assign(new Error(`no native binding: ${whyAbsent}`), { code: "NATIVE_LIBRARY" });
    }
    return new Runtime(library, addon.openRuntime(library), addon);
  }
}
