import { type ErrorCode, MillraceError } from "@millrace/core";

/** What a host process and the process that started it say to each other over Node's IPC channel. */
export type ToHost =
  | { readonly kind: "request"; readonly id: number; readonly request: unknown }
  | { readonly kind: "cancel"; readonly id: number };

export type FromHost =
  | { readonly kind: "ready"; readonly facts: unknown }
  | { readonly kind: "failed"; readonly error: PlainError }
  | { readonly kind: "reply"; readonly id: number; readonly reply: unknown }
  | { readonly kind: "error"; readonly id: number; readonly error: PlainError }
  | { readonly kind: "note"; readonly note: unknown };

/** An error as data: classes do not survive the channel. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly what: string;
  readonly why?: string;
  readonly fix?: string;
}

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof MillraceError)) {
    return {
      code: "E_INTERNAL",
      what: "a host process failed",
      why: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
  return {
    code: error.code,
    what: error.what,
    ...(error.why === undefined ? {} : { why: error.why }),
    ...(error.fix === undefined ? {} : { fix: error.fix }),
  };
}

export function fromPlainError({ code, what, ...details }: PlainError): MillraceError {
  return new MillraceError(code, what, details);
}
