/** File names and documents may hold anything; a terminal must not obey them. Line feeds stay. */
export function printable(text: string): string {
  return text.replaceAll(/(?!\n)\p{Cc}/gu, "\ufffd");
}
