import { parse } from 'yaml';
import { importScript } from '../../src/import/import-script.js';

export const quantize = 'python3 quantize.py --model_dir /m/Qwen2-7B --qformat fp8 --output_dir /q';
export const build = 'trtllm-build --checkpoint_dir /q --output_dir /e --gemm_plugin float16';

/** Imports a script whose first line says its release and links its models; none where that is null. */
export function imported(release: string | null, text: string) {
  const links = 'https://huggingface.co/Qwen/Qwen2-7B https://huggingface.co/meta-llama/Llama-2-7b-hf';
  const { specs, findings } = importScript(`# ${release ?? ''} ${links}\n${text}`, {
    kind: 'script',
    origin: 'deploy.sh',
  });
  return {
    /** `line code field`, of each finding. */
    codes: findings.map(({ code, line, field }) => `${line} ${code} ${field}`),
    findings,
    yaml: specs.map(({ yaml }) => yaml),
    specs: specs.map(({ yaml }): Record<string, unknown> => parse(yaml)),
  };
}
