import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';

const mostFiles = 10_000;

const patterns = z.union([z.string().transform((path) => [path]), z.array(z.string())]);
const frontMatter = z.object({
  configs: z.array(
    z.object({
      config_name: z.string(),
      data_files: z.array(z.object({ split: z.string(), path: patterns })),
    }),
  ),
});

/** A failure that names the file of the dataset that is not as expected. */
export function invalidDataset(file: string, message: string, cause?: unknown): EnginesmithFailure {
  return new EnginesmithFailure('EvaluationInvalid', `Dataset file ${file}: ${message}`, { context: { file }, cause });
}

function readFrontMatter(readme: string): unknown {
  try {
    // every scalar a string: a config named 3.0 stays "3.0"; no aliases, so no alias bombs
    return parse(/^---\r?\n(.*?)\r?\n---\s*$/ms.exec(readme)?.[1] ?? '', { schema: 'failsafe', maxAliasCount: 0 });
  } catch (cause) {
    throw invalidDataset('README.md', 'its front matter is no YAML.', cause);
  }
}

/**
 * The files of a split, as the YAML front matter of README.md declares them: the place where `datasets` looks too. Paths
 * are relative to the directory, with forward slashes.
 *
 * @param config `config_name`; null where it has one only, whatever that is called
 * @throws EvaluationInvalid when the front matter does not declare the split or no file matches
 */
export async function filesOfSplit(directory: string, split: string, config: string | null): Promise<string[]> {
  const readme = await readFile(join(directory, 'README.md'), 'utf8').catch((cause: unknown) => {
    throw invalidDataset('README.md', 'cannot be read; its front matter says which files hold a split.', cause);
  });
  const parsed = frontMatter.safeParse(readFrontMatter(readme));
  if (!parsed.success)
    throw invalidDataset('README.md', `expected configs with data_files in the front matter: ${parsed.error.message}`);
  const { configs } = parsed.data;
  const chosen = config === null ? configs : configs.filter(({ config_name: name }) => name === config);
  const declared = chosen.length === 1 ? chosen[0]?.data_files.find((files) => files.split === split) : undefined;
  if (declared === undefined) {
    const found = configs.map(({ config_name: name }) => name).join(', ');
    const wanted = config === null ? 'its one config' : `a config "${config}"`;
    throw invalidDataset('README.md', `declares no split "${split}" of ${wanted}; its configs are ${found}.`);
  }

  const entries = await readdir(directory, { recursive: true });
  if (entries.length > mostFiles) throw invalidDataset('.', `holds more than ${mostFiles} files.`);
  const names = entries.map((entry) => entry.split(sep).join('/')).sort();
  // only names found by listing are opened, so that no pattern can lead out of the directory
  const files = declared.path.flatMap((pattern) => names.filter((name) => globExpression(pattern).test(name)));
  if (files.length === 0)
    throw invalidDataset('README.md', `no file matches ${declared.path.join(', ')} of split "${split}".`);
  return files;
}

/** `*` and `?` within a name, `**` over directories: what the Hub's data_files use. Node's own glob is experimental. */
function globExpression(pattern: string): RegExp {
  const source = pattern.replace(/^\.\//, '').replace(/\*\*\/?|[*?]|[^\w/]/g, (found) => {
    if (found === '*') return '[^/]*';
    if (found === '?') return '[^/]';
    return found.startsWith('**') ? '(?:.*)' : `\\${found}`;
  });
  return new RegExp(`^${source}$`, 's');
}
