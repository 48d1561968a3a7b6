import type { ToolName } from '../../toolchains/contracts/contract.js';
import type { ReleaseNumber } from '../../toolchains/contracts/contracts.js';
import { adviceFor } from '../../toolchains/contracts/renames.js';
import { type Finding, finding } from '../findings.js';
import { releaseNumbers } from '../page-release.js';
import { converterFamily, type ProgramCall } from '../programs.js';
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
      const advice = code === 'unknown-flag' ? adviceFor(tool, field, acceptedFlags(release, tool)) : null;
      const said = `${tool} of ${release}: ${message}${elsewhere}`;
      return finding(code, { line, field, message: said, fix: advice ?? fix });
    }),
  );

function unknownProgram(call: ProgramCall, release: ReleaseNumber): { message: string; fix: string } {
  const { program, path } = call;
  if (program !== 'convert_checkpoint.py') {
    const message = `${program} is not among the programs of ${release}; what it does is not followed`;
    return { message, fix: 'Take a release that has it.' };
  }
  const { name, isNamed } = converterFamily(call.path, call.directory, call.arguments);
  return isNamed
    ? {
        message: `${path} is the converter of ${name} models, which is not known here; what it makes is not followed`,
        fix:
          name === 'baichuan'
            ? 'Convert by quantize.py --qformat full_prec, or write the spec by hand.'
            : `Specs have llama (with Mistral and Mixtral), qwen and baichuan; go on by hand with ${name}.`,
      }
    : {
        message: `which family's converter ${path} is, neither its folder nor the model's name says; what it makes is not followed`,
        fix: 'Write its path with the folder of the examples, as in llama/convert_checkpoint.py.',
      };
}

const unknownPrograms: Rule = ({ course, stated: { release } }) =>
  course.others.flatMap((call) => {
    const { program, path, line } = call;
    return program === 'convert_checkpoint.py' || program.includes('/')
      ? [
          finding('unknown-program', {
            line,
            field: path,
            ...unknownProgram(call, release),
          }),
        ]
      : [];
  });

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

const releases: Rule = ({ stated: { release, isStated, isInferred, images, pins, unknown }, course }) => [
  ...(isStated || course.tools.length === 0
    ? []
    : [
        finding(unknown === null ? 'release-assumed' : 'release-unknown', {
          line: course.tools[0]?.call.line ?? 1,
          field: 'toolchain',
          message: `the script ${unknown === null ? 'does not say which release of TensorRT-LLM it is for' : `is for ${unknown}, which is not known`}; it is read as ${release}${isInferred ? ', which takes more of its flags than others' : ''}`,
          fix: `Name one of ${listed(releaseNumbers)} in a comment, as in "TensorRT-LLM v0.10.0".`,
        }),
      ]),
  ...pins
    .filter((pin) => isStated && pin.release !== release)
    .map(({ line, text, release: pinned }) =>
      finding('releases-contradict', {
        line,
        field: 'toolchain',
        message: `${text} takes TensorRT-LLM ${pinned}, and the script is for ${release}, by which it is read`,
        fix: 'Say one release.',
      }),
    ),
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
