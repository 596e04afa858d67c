/** What new work waits at while a job is paused. */
export class Gate {
  private opened = Promise.withResolvers<void>();

  constructor(public isClosed: boolean) {}

  close(): void {
    this.isClosed = true;
  }

  open(): void {
    this.isClosed = false;
    this.opened.resolve();
    this.opened = Promise.withResolvers<void>();
  }

  /** Nobody comes through any more: whoever waits, or comes while it is closed, gets the error. */
  fail(error: unknown): void {
    this.opened.promise.catch(() => {});
    this.opened.reject(error);
  }

  /** Resolves at once where the gate is open, else when it stays so. */
  async passed(): Promise<void> {
    while (this.isClosed) await this.opened.promise;
  }
}
