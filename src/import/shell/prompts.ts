/** `$ `, `% `, `user@host:~$ ` or `[user@host dir]# `, behind an environment's name or not, at the start of a line of a terminal session. */
const PROMPT = /^\s*(?:\([\w.-]{1,40}\)[ \t]*)?(?:[\w.-]+@[\w.-]+:\S*[$#%]|\[[\w.@~/ -]{1,80}\][$#%]|[$%])[ \t]+/;

/** Of root; a comment wherever people do not say that it is a session. */
const ROOT_PROMPT = /^\s*#[ \t]+/;

/** Of a line that goes on. */
const CONTINUATION_PROMPT = /^\s*>(?:[ \t]+|$)/;
const ASSIGNMENT = /^\s*export\s+\w+=/;
const CONTINUED = /\\[ \t]*$/;

/** `<<NAME>>`, where people are to fill something in. A shell would read a here-document. */
export const PLACEHOLDER = /<<\s?([A-Za-z][\w -]{0,60})>>/g;

/** What stands for a placeholder once it is quoted, in as many characters. */
const quoted = (text: string): string => text.replaceAll(PLACEHOLDER, (whole) => `'<${whole.slice(2, -2)}>'`);

/**
 * Shell text without prompts and without what the commands printed: where a block has prompts, what follows the first of
 * them and has none is output, unless it continues a command or exports something. Lines and columns stay where they are.
 * @param isSession whether the page calls it a session: then root's `# ` is a prompt, too
 */
export function withoutPrompts(text: string, isSession = false): string {
  const lines = quoted(text).split('\n');
  const usual = lines.some((line) => PROMPT.test(line)) || !isSession ? PROMPT : ROOT_PROMPT;
  const first = lines.findIndex((line) => usual.test(line));
  if (first === -1) return lines.join('\n');
  let continues = false;
  return lines
    .map((line, index) => {
      const prompt = (continues ? CONTINUATION_PROMPT : usual).exec(line)?.[0];
      const isCommand = index < first || continues || prompt !== undefined || ASSIGNMENT.test(line);
      continues = isCommand && CONTINUED.test(line);
      if (!isCommand) return '';
      return prompt === undefined ? line : `${' '.repeat(prompt.length)}${line.slice(prompt.length)}`;
    })
    .join('\n');
}
