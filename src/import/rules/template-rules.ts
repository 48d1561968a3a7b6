import { nearMiss } from '../../contracts/near-miss.js';
import { ensembleModels } from '../../toolchains/contracts/templates.js';
import { finding } from '../findings.js';
import { readFill } from '../read-templates.js';
import { problemOfKey, problemOfValue } from '../template-values.js';
import { numberOf } from '../tool-call.js';
import type { Rule } from './context.js';

const commandLines: Rule = ({ calls }) =>
  calls.flatMap((call) => {
    const found = call.program === 'fill_template.py' ? readFill(call) : null;
    if (found === null) return [];
    return [
      ...found.strays.slice(0, 4).map(({ source, line }) =>
        finding('stray-argument', {
          line,
          field: source.slice(0, 80),
          message: `fill_template.py takes a file and one word of substitutions; ${source.slice(0, 80)} is one more, and it exits 2`,
          fix: 'Write all substitutions as one word, with "," between them and without blanks.',
        }),
      ),
      ...(found.isKept
        ? []
        : [
            finding('fill-not-in-place', {
              line: call.line,
              field: '-i',
              message:
                'without -i fill_template.py prints the filled file and leaves it as it is; nothing keeps what it prints',
              fix: 'Add -i.',
            }),
          ]),
    ];
  });

const values: Rule = ({ course, stated: { release } }) =>
  course.repositories.flatMap(({ fills }) =>
    fills.flatMap(({ model, values: filled, line, ignored }) =>
      [...filled].flatMap(([key, text]) => {
        const problem = text === null || ignored.has(key) ? null : problemOfValue(key, text, release);
        const misplaced = problemOfKey(key, model, release);
        const before = ignored.get(key);
        return [
          ...(before === undefined
            ? []
            : [
                finding('template-filled-twice', {
                  line,
                  field: key,
                  message: `${key} of ${model} is filled with ${before} already: its placeholder is gone, and ${text} is ignored without a word`,
                  fix: 'Fill a fresh copy of the templates, each placeholder once.',
                }),
              ]),
          ...(problem === null
            ? []
            : [
                finding('template-value-refused', {
                  line,
                  field: key,
                  message: `${model}: ${problem}`,
                  fix: `Correct it.`,
                }),
              ]),
          ...(misplaced === null ? [] : [finding('template-key-unknown', { line, field: key, ...misplaced })]),
        ];
      }),
    ),
  );

const agreement: Rule = ({ course }) =>
  course.repositories.flatMap(({ fills, engine }) => {
    const find = (model: string, key: string) => {
      const fill = fills.find((one) => one.model === model && one.values.has(key));
      return { text: fill?.values.get(key) ?? '', line: fill?.line ?? 1 };
    };
    const beams = find('tensorrt_llm', 'max_beam_width');
    const built = engine === null ? null : numberOf(engine.tool, '--max_beam_width');
    const [inner, outer] = [find('tensorrt_llm', 'decoupled_mode'), find('tensorrt_llm_bls', 'decoupled_mode')];
    return [
      ...(built === null || !/^\d+$/.test(beams.text) || Number(beams.text) <= built
        ? []
        : [
            finding('beam-width-mismatch', {
              line: beams.line,
              field: 'max_beam_width',
              message: `the template asks for ${beams.text} beams, and the engine of line ${engine?.tool.call.line} is built for ${built}`,
              fix: `Fill it with ${built}, or build with --max_beam_width ${beams.text}.`,
            }),
          ]),
      ...(/^true$/i.test(outer.text) && /^false$/i.test(inner.text)
        ? [
            finding('decoupled-mismatch', {
              line: inner.line,
              field: 'decoupled_mode',
              message: `tensorrt_llm_bls is decoupled (line ${outer.line}) and tensorrt_llm is not: it cannot stream what the inner model sends in one piece`,
              fix: 'Fill both alike.',
            }),
          ]
        : []),
    ];
  });

const places: Rule = ({ course }) => [
  ...course.repositories.flatMap(({ fills }) =>
    fills.flatMap(({ model, line }) => {
      const meant = ensembleModels.some((name) => name === model) ? undefined : nearMiss(model, ensembleModels);
      return meant === undefined
        ? []
        : [
            finding('template-path-misspelt', {
              line,
              field: model,
              message: `there is no model ${model} in the repository, so there is no file to fill`,
              fix: `Did you mean ${meant}?`,
            }),
          ];
    }),
  ),
  ...course.unfilledLaunches.map(({ directory, filled, line }) =>
    finding('served-repository-unfilled', {
      line,
      field: 'model_repo',
      message: `${directory} is served, and the templates are filled in ${filled}; nothing copies them from there`,
      fix: `Serve ${filled}, or fill the templates in ${directory}.`,
    }),
  ),
];

/** What the templates are filled with. */
export const templateRules: readonly Rule[] = [commandLines, values, agreement, places];
