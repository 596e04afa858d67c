import type { DeviceKind } from "@millrace/core";
import { nativeBinding } from "./native-binding.js";
import { npmBinding } from "./npm-binding.js";
import type { SessionBinding } from "./session.js";

/** The bindings that are there, the one to take first. */
export const sessionBindings: readonly SessionBinding[] = nativeBinding ? [nativeBinding, npmBinding] : [npmBinding];

/** The best binding for sessions on such a device. npm's can open every one. */
export function bestBinding(device: DeviceKind): SessionBinding {
  return sessionBindings.find(({ hasGpus }) => hasGpus || device === "cpu") ?? npmBinding;
}
