import { constants } from "node:os";

/** glibc's: the library stays when the handle is closed. */
const stays = 0x1000;

/**
 * Loads a shared library into this process for good, so that what is loaded later and needs one of its name finds it,
 * wherever it lies. `process.dlopen` closes and complains about what is no addon of Node's, but only after it was loaded.
 * @returns what the loader says where it cannot be
 */
export function loadLibrary(path: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | stays);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return message.includes("did not self-register") ? undefined : message;
  }
}
