/** How many lanes of an encoder do what, at one moment. */
export interface Lanes {
  /** They have a run. */
  readonly busy: number;
  /** Their host is being started. */
  readonly starting: number;
  readonly all: number;
}

/** `host_died`: the run is tried again, or was tried often enough. */
export type RunOutcome = "done" | "failed" | "cancelled" | "host_died";

/** Hears what an encoder's hosts do, for whoever counts it. */
export interface EncoderObserver {
  /** Called after each change. */
  lanes(lanes: Lanes): void;
  /** How many runs wait for a host, after each change. */
  queued(depth: number): void;
  /** A run is on its way to a host, after this time in the queue. */
  begun(waitSeconds: number): void;
  ended(outcome: RunOutcome, run: { readonly tokens: number; readonly seconds: number }): void;
  /** A host ended unasked, and another takes its place. */
  restarted(): void;
}

/** Hears nothing. */
export const noObserver: EncoderObserver = {
  lanes() {},
  queued() {},
  begun() {},
  ended() {},
  restarted() {},
};
