import type { TemporalPlace } from "@millrace/workers";
import type { Settings } from "../config/settings.js";

/** The Temporal server that the settings name, and the keys that keep from it what jobs carry. */
export function temporalPlace({ temporalAddress, temporalNamespace, temporalKey }: Settings): TemporalPlace {
  return {
    ...(temporalAddress === undefined ? {} : { address: temporalAddress }),
    ...(temporalNamespace === undefined ? {} : { namespace: temporalNamespace }),
    keys: temporalKey,
  };
}
