import type * as Addon from "./addon.js";
import { addon, bundledLibrary, whyAbsent } from "./load.js";

export interface RuntimeOptions {
  /** Path of libonnxruntime; by default the one that onnxruntime-node brings. */
  readonly library?: string;
}

/** The ONNX Runtime of this process. There is one: onnxruntime-node, loaded from the same file, shares it. */
export class Runtime {
  private constructor(
    /** Version and build of the library. */
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

  /**
   * Opens the library, or says what it is where it is open.
   * @throws Error with code NATIVE_LIBRARY where the addon is missing, the library cannot be loaded or is older than the
   * addon needs, or another one is open.
   */
  static open({ library = bundledLibrary() }: RuntimeOptions = {}): Runtime {
    if (addon === undefined) {
      throw Object.assign(new Error(`no native binding: ${whyAbsent}`), { code: "NATIVE_LIBRARY" });
    }
    return new Runtime(addon.openRuntime(library), addon);
  }
}
