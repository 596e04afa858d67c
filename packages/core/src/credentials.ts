/** What stands in place of what nobody is to read. */
const redacted = "[redacted]";

/** Credentials by where they stand: what is before one is kept. */
const places: readonly RegExp[] = [
  // scheme://user:password@host
  /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"'<>\\]+(?=@)/gi,
  // What presigned and shared links carry.
  /([?&;](?:x-amz-(?:signature|credential|security-token)|awsaccesskeyid|signature|sig|se?cret|password|token|access_token|api[_-]?key)=)[^&\s"'#<>\\]+/gi,
  // Headers, as lines, as JSON, and as Node shows objects.
  /\b((?:proxy-)?authorization["']?\s*[:=]\s*\[?\s*["']?|(?:x-)?api-key["']?\s*[:=]\s*["']?|x-amz-security-token["']?\s*[:=]\s*["']?|(?:set-)?cookie["']?\s*:\s*["']?)[^"'\r\n\\]+/gi,
  // A token by itself; 16 characters are more than any word that follows "basic".
  /\b((?:bearer|basic)\s+)[a-z0-9._~+/=-]{16,}/gi,
];

/** A text without the credentials in its URLs, signed links and headers. */
export function withoutCredentials(text: string): string {
  return places.reduce((rest, place) => rest.replace(place, `$1${redacted}`), text);
}

/** Shorter values are words: to strike them out would only spoil the text. */
const shortestSecret = 6;

/** What strikes out credentials, and these values wherever they stand, also as JSON writes them. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const written = secrets
    .filter((secret) => secret.length >= shortestSecret)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]);
  // A secret may begin with another one.
  const longestFirst = [...new Set(written)].sort((a, b) => b.length - a.length);
  return (text) => withoutCredentials(longestFirst.reduce((rest, secret) => rest.replaceAll(secret, redacted), text));
}
