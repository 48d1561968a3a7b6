import type { ToolName } from '../../toolchains/contracts/contract.js';
import type { ReleaseNumber } from '../../toolchains/contracts/contracts.js';
import { type Finding, finding } from '../findings.js';
import { releaseNumbers } from '../page-release.js';
import { acceptedFlags, type ToolCall } from '../tool-call.js';
import type { Rule } from './context.js';

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

const releasesWith = (tool: ToolName, flag: string): ReleaseNumber[] =>
  releaseNumbers.filter((release) => acceptedFlags(release, tool).has(flag));

/** Nobody reads more of one command. */
const MAXIMUM_OF_ONE_COMMAND = 20;

const commandLines: Rule = ({ course, stated: { release } }) =>
  course.tools.flatMap(({ tool, problems }) =>
    problems.slice(0, MAXIMUM_OF_ONE_COMMAND).map(({ code, field, line, message, fix }) => {
      const others = code === 'unknown-flag' ? releasesWith(tool, field) : [];
      const elsewhere = others.length === 0 ? '' : `; ${listed(others)} ${others.length === 1 ? 'has' : 'have'} it`;
      return finding(code, { line, field, message: `${tool} of ${release}: ${message}${elsewhere}`, fix });
    }),
  );

const unknownPrograms: Rule = ({ course, stated: { release } }) =>
  course.others.flatMap(({ program, path, line }) =>
    program === 'convert_checkpoint.py' || program.includes('/')
      ? [
          finding('unknown-program', {
            line,
            field: path,
            message: `${path} has flags that are not known in ${release}; what it makes is not followed`,
            fix: 'Convert by quantize.py --qformat full_prec, or write the spec by hand.',
          }),
        ]
      : [],
  );

/** Releases of the claimed range that refuse a flag or its value, each with what it does instead. */
function refusedBy({ tool, given }: ToolCall, claimed: readonly ReleaseNumber[]): Map<string, ReleaseNumber[]> {
  const refused = new Map<string, ReleaseNumber[]>();
  for (const { flag, spelling, values } of given.values()) {
    const without = claimed.filter((release) => {
      const flags = acceptedFlags(release, tool);
      const known = flags.get(flag.names[0]) ?? flags.get(spelling);
      if (known === undefined) return true;
      // A flag that was bare and now wants a value, or takes other values.
      const [value] = values;
      if (known.value.kind === 'nothing') return value !== undefined && flag.value.kind !== 'boolean';
      if (value === undefined) return !known.isValueOptional && flag.value.kind === 'nothing';
      return known.value.kind === 'choices' && value.text !== null && !known.value.choices.includes(value.text);
    });
    if (without.length > 0) refused.set(spelling, without);
  }
  return refused;
}

/** A page that says "v0.9 or later" is wrong about each flag that one of those releases does not take. */
const claimedReleases: Rule = ({ course, stated: { release, claim } }) => {
  if (claim === null) return [];
  const claimed = releaseNumbers.slice(releaseNumbers.indexOf(claim.from)).filter((known) => known !== release);
  const seen = new Set<string>();
  return course.tools.flatMap((call): Finding[] =>
    [...refusedBy(call, claimed)].flatMap(([flag, without]) => {
      const key = `${call.tool} ${flag}`;
      if (seen.has(key)) return [];
      seen.add(key);
      const line = [...call.given.values()].find(({ spelling }) => spelling === flag)?.line ?? call.call.line;
      return [
        finding('flag-not-in-claimed-release', {
          line,
          field: flag,
          message: `the page says "${claim.text}" (line ${claim.line}), but ${call.tool} of ${listed(without)} does not take ${flag} as it is here`,
          fix: `Say that this is for ${release}; a spec is rendered for each release.`,
        }),
      ];
    }),
  );
};

const releases: Rule = ({ stated: { release, isStated, images, unknown }, course }) => [
  ...(isStated || course.tools.length === 0
    ? []
    : [
        finding('release-assumed', {
          line: course.tools[0]?.call.line ?? 1,
          field: 'toolchain',
          message: `the script ${unknown === null ? 'does not say which release of TensorRT-LLM it is for' : `is for ${unknown}, which is not known`}; it is read as ${release}`,
          fix: `Name one of ${listed(releaseNumbers)} in a comment, as in "TensorRT-LLM v0.10.0".`,
        }),
      ]),
  ...images.flatMap(({ line, tag, release: held }) =>
    held === undefined || held === release
      ? []
      : [
          finding('image-holds-other-release', {
            line,
            field: `${tag}-trtllm-python-py3`,
            message: `the image ${tag}-trtllm-python-py3 holds TensorRT-LLM ${held}; the commands are for ${release}`,
            fix: 'Take the image of the same release, or build one.',
          }),
        ],
  ),
];

/** What the programs of the release, or of the releases that a page claims, would refuse. */
export const flagRules: readonly Rule[] = [commandLines, unknownPrograms, claimedReleases, releases];
