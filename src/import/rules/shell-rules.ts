import { maskSecrets } from '../../contracts/misplaced-values.js';
import { finding } from '../findings.js';
import type { ProgramCall } from '../programs.js';
import { PLACEHOLDER } from '../shell/prompts.js';
import type { Rule } from './context.js';

const syntax: Rule = ({ reading }) =>
  reading.problems.map(({ line, message }) =>
    finding('shell-syntax', {
      line,
      field: 'shell',
      message: `the shell would stop here: ${message}`,
      fix: 'Correct the line; what follows it in this block may be read wrongly.',
    }),
  );

/** What becomes of these says nothing about a pipeline. */
const bystanders: ReadonlySet<string> = new Set([
  'git',
  'rm',
  'cp',
  'sed',
  'docker',
  'trtllm-bench',
  'huggingface-cli',
  'hf',
  'nvidia-smi',
]);

const isFollowed = ({ program }: ProgramCall): boolean => !bystanders.has(program);

/** Nobody reads more of one command. */
const MAXIMUM_OF_ONE_COMMAND = 20;

/** Words that only running the script would tell, where a program that is followed gets them. */
const unknownValues: Rule = ({ calls }) =>
  calls.flatMap((call) =>
    (isFollowed(call) ? call.arguments : [])
      .filter(({ text }) => text === null)
      .slice(0, MAXIMUM_OF_ONE_COMMAND)
      .map(({ source, line, why }) =>
        finding('unknown-value', {
          line,
          field: source.slice(0, 80),
          message: `${source.slice(0, 80)} cannot be followed: ${why ?? 'its value is not known'}`,
          fix: 'Write the value, or set the variable in the script before; nothing is run to find it out.',
        }),
      ),
  );

const placeholders: Rule = ({ page }) =>
  page.blocks.flatMap(({ text, firstLine }) =>
    page.lines.slice(firstLine - 1, firstLine - 1 + text.split('\n').length).flatMap(({ line, text: content }) =>
      [...content.matchAll(PLACEHOLDER)].map(([whole]) =>
        finding('placeholder-is-heredoc', {
          line,
          field: whole,
          message: `${whole} starts a here-document for a shell: it waits for an end and swallows the lines below`,
          fix: 'Fill the value in, or write the placeholder as a variable.',
        }),
      ),
    ),
  );

const secrets: Rule = ({ page }) =>
  page.lines.flatMap(({ line, text }) =>
    maskSecrets(text) === text
      ? []
      : [
          finding('secret-in-script', {
            line,
            field: 'secret',
            message: 'this line holds what looks like a token or a password; it is in no spec',
            fix: 'Revoke it, and give it to the workers in their environment (HF_TOKEN).',
          }),
        ],
  );

/** Where no engine is built, what was not followed may have built it. */
const unfollowed: Rule = ({ reading, course }) =>
  course.engines.length > 0
    ? []
    : reading.unfollowed.slice(0, MAXIMUM_OF_ONE_COMMAND).map(({ line, source, why }) =>
        finding('command-not-followed', {
          line,
          field: source.slice(0, 80),
          message: `what ${source.slice(0, 80)} runs is not followed: ${why}`,
          fix: 'Write the commands of TensorRT-LLM where they are run; nothing is run to find them out.',
        }),
      );

/** What no shell would do as it is meant. */
export const shellRules: readonly Rule[] = [syntax, unknownValues, unfollowed, placeholders, secrets];
