import type { Lanes } from "../engines/observer.js";

/** Time of lanes, summed over them, in seconds. */
export interface LaneSeconds {
  readonly busy: number;
  readonly starting: number;
  /** Nothing was there to be encoded. */
  readonly noInput: number;
}

/** Sums up what lanes did, told of each change; `now` in milliseconds. */
export class DeviceTime {
  private lanes: Lanes = { busy: 0, starting: 0, all: 0 };
  private since: number;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.since = now();
  }

  /** What happened since the last call, when lanes were as that one said; from now on they are as this one says. */
  change(lanes: Lanes = this.lanes): LaneSeconds {
    const at = this.now();
    const seconds = (at - this.since) / 1000;
    const { busy, starting, all } = this.lanes;
    this.lanes = lanes;
    this.since = at;
    return { busy: busy * seconds, starting: starting * seconds, noInput: (all - busy - starting) * seconds };
  }
}
