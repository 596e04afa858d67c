import { nativeBinding } from "./native-binding.js";
import type { SessionBinding } from "./session.js";

/** The bindings that are there, the one to take first. The other one is loaded only where it is asked for or alone. */
export async function sessionBindings(): Promise<readonly SessionBinding[]> {
  const { npmBinding } = await import("./npm-binding.js");
  return nativeBinding === undefined ? [npmBinding] : [nativeBinding, npmBinding];
}

/** The binding to take where nobody says otherwise. */
export async function defaultBinding(): Promise<SessionBinding> {
  return nativeBinding ?? (await import("./npm-binding.js")).npmBinding;
}

/** Runs that a host computes at the same time on one copy of the weights. */
export const lanesPerHost = nativeBinding?.maximumLanes ?? 1;
