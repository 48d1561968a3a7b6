/** A text that anybody may have written, as JSON. @returns undefined when it is not JSON: a schema then refuses it */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
