/** Every id of a job or schedule begins with it. */
export const idPrefix = "millrace/";

/** A job's id on the server, of the id that commands show. */
export function jobWorkflowId(id: string): string {
  return id.startsWith(idPrefix) ? id : `${idPrefix}${id}`;
}
