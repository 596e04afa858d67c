import type { ReadyDevice } from "../gpu/prepare.js";
import { nativeBinding } from "./native-binding.js";
import { npmBinding } from "./npm-binding.js";
import type { SessionBinding } from "./session.js";

/** The bindings that are there, the one to take first. */
export const sessionBindings: readonly SessionBinding[] = nativeBinding ? [nativeBinding, npmBinding] : [npmBinding];

/** What decides which binding can open a session. */
export interface SessionNeeds {
  readonly placement?: object;
  readonly weights: readonly unknown[];
}

/** The best binding for a model's sessions on a device: hosts choose it for themselves as well. */
export function bindingFor({ weights }: Pick<SessionNeeds, "weights">, device: ReadyDevice): SessionBinding {
  return bestBinding({ weights, ...(device.kind === "cpu" ? {} : { placement: device }) });
}

/** The best binding for a session. npm's can open every one. */
export function bestBinding({ placement, weights }: SessionNeeds): SessionBinding {
  const suits = ({ hasGpus, takesWeights }: SessionBinding) =>
    (placement === undefined || hasGpus) && (weights.length === 0 || takesWeights);
  return sessionBindings.find(suits) ?? npmBinding;
}
