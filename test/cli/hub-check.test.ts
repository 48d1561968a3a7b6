import { describe, expect, it } from 'vitest';
import { faultHub } from '../platform/hub/download-kit.js';
import { COMMIT, type Exchange, sendContent } from '../platform/hub/fault-hub.js';
import { smol135 as config } from '../support/model-configs.js';
import { testSpec } from '../support/specs.js';
import { enginesmith, specFile } from './cli-fixture.js';

/** What `validate --resolve` says of a spec whose Hub has this model, or answers every question with a status. */
async function validate(options: {
  model?: object;
  status?: { code: number; error: string };
  answerFile?: (exchange: Exchange) => void;
}) {
  const { model = config, status, answerFile } = options;
  const hub = await faultHub({
    files: { 'config.json': Buffer.from(JSON.stringify(model)), 'model.safetensors': Buffer.from('x') },
    ...(answerFile === undefined ? {} : { answerFile }),
    answerApi: (_, response) => {
      if (status !== undefined) response.writeHead(status.code, { 'X-Error-Code': status.error }).end();
      return status !== undefined;
    },
  });
  const file = await specFile(JSON.stringify(testSpec()));
  return enginesmith(['validate', '--resolve', file], { HF_ENDPOINT: hub.url, HOME: '/nowhere' });
}

const screen = (stderr: string): void => {
  const lines = stderr.split('\n');
  expect(lines.length).toBeLessThanOrEqual(24);
  for (const line of lines) expect([...line].length).toBeLessThanOrEqual(80);
};

/** Without the line ends that a narrow terminal asks for. */
const unwrapped = (stderr: string): string => stderr.replaceAll(/\n\s*/g, ' ');

describe('validate --resolve', () => {
  it('says which commit the model is at when it fits', async () => {
    const { exitCode, stdout, stderr } = await validate({});
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain(`meta-llama/Llama-2-13b-chat-hf is at ${COMMIT}, and fits.`);
  });

  it('warns of what works but may not be meant', async () => {
    const { exitCode, stdout } = await validate({ model: { ...config, max_position_embeddings: 1000 } });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('warning: build.maxInputTokens [lengths-beyond-positions]');
    expect(unwrapped(stdout)).toContain('1024 and build.maxOutputTokens 256 are more than the 1000 positions');
  });

  it.each<[string, Parameters<typeof validate>[0], RegExp]>([
    [
      'a model of another architecture',
      { model: { ...config, architectures: ['BertModel'] } },
      /model: is a BertModel; toolchain reference-cpu has LlamaForCausalLM/,
    ],
    [
      'a gated model without a token',
      { status: { code: 401, error: 'GatedRepo' } },
      /access denied \(401\), .*no HF_TOKEN\. If it is gated, accept its licence at http:\S+\/meta-llama\/Llama-2-13b-chat-hf/,
    ],
    [
      'a revision that does not exist',
      { status: { code: 404, error: 'RevisionNotFound' } },
      /does not have main of it/,
    ],
    ['a model that does not exist', { status: { code: 404, error: 'RepoNotFound' } }, /does not have it/],
  ])('exits 2 on one screen for %s', async (_, options, said) => {
    const { exitCode, stdout, stderr } = await validate(options);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(unwrapped(stderr)).toMatch(said);
    screen(stderr);
  });

  it('exits 4 for a Hub whose files are altered on the way, which no other spec would heal', async () => {
    const answerFile = (exchange: Exchange) =>
      sendContent({ ...exchange, content: Buffer.alloc(exchange.content.length) });
    const { exitCode, stderr } = await validate({ answerFile });
    expect(exitCode).toBe(4);
    expect(unwrapped(stderr)).toContain('the bytes do not have the git-sha1 that the Hub announces');
  });
});
