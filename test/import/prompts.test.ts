import { describe, expect, it } from 'vitest';
import { importScript } from '../../src/import/import-script.js';

/** Formats of the specs of a page with one block. */
const formats = (language: string, block: string) =>
  importScript(`TensorRT-LLM v0.10.0, https://huggingface.co/Qwen/Qwen2-7B\n\`\`\`${language}\n${block}\n\`\`\`\n`, {
    kind: 'markdown',
    origin: 'page.md',
  }).specs.map(({ yaml }) => `${/format: (\w+)/.exec(yaml)?.[1]} ${/kvCache: (\w+)/.exec(yaml)?.[1]}`);

const lines = (prompt: string, more: string) =>
  `${prompt}python3 quantize.py --model_dir /m/Qwen2-7B --qformat fp8 \\\n${more}  --kv_cache_dtype fp8 --output_dir /q
trtllm-build: this is output
${prompt}trtllm-build --checkpoint_dir /q --output_dir /e`;

describe('importScript, of terminal sessions', () => {
  it.each([
    ['bash', '$ ', '> '],
    ['console', '$ ', '>'],
    ['console', '(base) user@host:~$ ', '> '],
    ['bash', '(venv) $ ', '> '],
    ['console', '% ', ''],
    ['console', '# ', '> '],
    ['console', 'root@box:/app# ', '> '],
    ['', '[user@host dir]$ ', '> '],
  ])('reads a block %s with the prompt "%s" and "%s" for what goes on', (language, prompt, more) => {
    expect(formats(language, lines(prompt, `${more} `))).toEqual(['fp8 fp8']);
  });

  it('takes # for a comment where nothing says that it is a session', () => {
    expect(formats('bash', lines('# ', ''))).toEqual([]);
  });

  it('leaves redirections alone', () => {
    const text = lines('', '').replace('trtllm-build: this is output', 'echo a \\\n  > /tmp/log');
    expect(formats('bash', text)).toEqual(['fp8 fp8']);
  });
});
