/** What a server says of itself, as far as it does. */
export interface ServerFacts {
  readonly version?: string | undefined;
  /** What else is worth saying: a namespace, a bucket. */
  readonly detail?: string | undefined;
  /** Its clock, in milliseconds since 1970, to the second. */
  readonly clock?: number | undefined;
}

/** A server that the settings name. */
export interface ServerCheck {
  /** Such as `temporal localhost:7233`. */
  readonly name: string;
  /** Whether it refuses requests whose time is off. */
  readonly isStrictOnTime: boolean;
  /** Asks it something that needs what a run needs: the way there, TLS, the key. @param signal ends the asking */
  ask(signal: AbortSignal): Promise<ServerFacts>;
}
