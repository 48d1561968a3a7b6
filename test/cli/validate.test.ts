import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SpecInput } from '../../src/contracts/spec.js';
import { llama2With13b } from '../support/model-configs.js';
import { testSpec } from '../support/specs.js';
import { enginesmith, specFile, temporaryDirectory } from './cli-fixture.js';

const gpuSpec = (change: (input: SpecInput) => void = () => {}): Promise<string> =>
  specFile(
    JSON.stringify(
      testSpec((input) => {
        Object.assign(input, { toolchain: 'trtllm-0.10', gpuClass: 'sm89' });
        change(input);
      }),
    ),
  );

const codesOf = (findings: { code: string }[]): string[] => findings.map(({ code }) => code);

describe('enginesmith validate', () => {
  it('prints each finding with its code, field, consequence and fix', async () => {
    const { exitCode, stdout, stderr } = await enginesmith(['validate', await gpuSpec()]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(
      /^warning: quantization\.calibration\.samples \[few-calibration-samples\]\n {2}32 samples show .*\.\n {2}Fix: ask for 128 to 512\.\n/,
    );
    expect(stdout).toMatch(/is valid: pipeline test-[0-9a-f]{12}$/);
  });

  it('has them in --json too', async () => {
    const { stdout } = await enginesmith(['validate', '--json', await gpuSpec()]);
    const { valid, findings } = JSON.parse(stdout);
    expect(valid).toBe(true);
    expect(findings).toEqual([
      {
        code: 'few-calibration-samples',
        severity: 'warning',
        field: 'quantization.calibration.samples',
        consequence: "32 samples show only part of the activations' range",
        fix: 'ask for 128 to 512',
      },
    ]);
  });

  it('refuses an error with exit code 2, names the rule, and has what else was found beside it', async () => {
    const file = await gpuSpec((input) => Object.assign(input, { gpuClass: 'sm80' }));
    const { exitCode, stdout, stderr } = await enginesmith(['validate', '--json', file]);
    expect(exitCode).toBe(2);
    const { error } = JSON.parse(stdout);
    expect(error).toMatchObject({ type: 'InvalidSpec' });
    expect(codesOf(error.findings)).toEqual(['fp8-needs-sm89', 'few-calibration-samples']);
    expect(stderr).toMatch(/^warning: quantization\.calibration\.samples \[few-calibration-samples\]\n/);
    expect(stderr).toContain('quantization.format: format fp8 needs sm89 or later');
    expect(stderr).toContain('[fp8-needs-sm89]');
  });

  it('plan refuses the same, and says nothing of warnings', async () => {
    const { exitCode, stderr } = await enginesmith(['plan', await gpuSpec()]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const refused = await enginesmith(['plan', await gpuSpec((input) => Object.assign(input, { gpuClass: 'sm80' }))]);
    expect(refused.exitCode).toBe(2);
  });

  it('checks that the model fits by a config.json of this machine, without a Hub', async () => {
    const config = await specFile(JSON.stringify(llama2With13b), 'config.json');
    const noHub = { HF_ENDPOINT: 'http://127.0.0.1:9' };
    const fits = await enginesmith(['validate', '--json', '--model-config', config, await gpuSpec()], noHub);
    expect(fits.exitCode).toBe(0);
    expect(codesOf(JSON.parse(fits.stdout).findings)).toContain('gpu-memory-needed');
    const spec = await gpuSpec((input) => Object.assign(input, { parallelism: { tensor: 3 } }));
    const refused = await enginesmith(['validate', '--json', '--model-config', config, spec], noHub);
    expect(refused.exitCode).toBe(2);
    expect(codesOf(JSON.parse(refused.stdout).error.findings)[0]).toBe('tensor-does-not-divide');
  });

  it.each<[string, (place: string) => string]>([
    ['that is not there', (place) => join(place, 'config.json')],
    ['without a config.json', (place) => place],
  ])('exits 2 for a model directory %s', async (_, placeIn) => {
    const place = placeIn(await temporaryDirectory());
    const { exitCode, stderr } = await enginesmith(['validate', '--model-config', place, await gpuSpec()]);
    expect(exitCode).toBe(2);
    expect(stderr.replaceAll(/\n\s*/g, ' ')).toContain("Name a model's directory or its config.json.");
  });

  it('asks either the Hub or this machine', async () => {
    const { exitCode, stderr } = await enginesmith(['validate', '--resolve', '--model-config', 'x', await gpuSpec()]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('cannot be used with');
  });
});
