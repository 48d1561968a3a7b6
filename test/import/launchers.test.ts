import { describe, expect, it } from 'vitest';
import { build, imported, quantize } from './import-fixture.js';

const evaluate = 'python3 summarize.py --test_trt_llm --engine_dir /e --hf_model_dir /m/Qwen2-7B';

describe('importScript, of commands behind launchers', () => {
  it.each([
    'nice -n 10',
    'nice --adjustment=10',
    'nice -10',
    'taskset -c 0-15',
    'taskset 0xff',
    'ionice -c 3',
    'ionice -c2 -n 7 nice',
    'sudo -u svc',
    'sudo --user svc -E CUDA_VISIBLE_DEVICES=0',
    'timeout 6h',
    'timeout -k 30 --signal=TERM $LIMIT',
    'numactl --cpunodebind=0 --membind=0',
    'numactl -N 0 -m 0 --',
    'env -u LD_PRELOAD A=1',
    'stdbuf -o L',
    'sudo -u svc timeout 6h taskset -c 0-15 nice -n 5',
  ])('a command behind `%s` is found', (launcher) => {
    const { specs, codes } = imported('v0.10.0', `${launcher} ${quantize}\n${launcher} ${build}`);
    expect(specs).toMatchObject([{ name: 'qwen2-7b-fp8' }]);
    expect(codes).toEqual([]);
  });

  it.each([
    'mpirun --display-map -n 2',
    'mpirun -n 2 --display-map',
    'mpirun -n 2 -report-bindings --bind-to core',
    'mpirun --an-option-of-tomorrow -n 2',
    'mpirun --mca btl ^openib -n 2 -x A=1',
    'mpirun --host a:1,b:1 --tag-output -np 2 --allow-run-as-root',
    'srun --exclusive -l -n 2 --mpi=pmix',
  ])('the ranks of `%s` are read, and what it starts is found', (launcher) => {
    const text = `${quantize}\n${build}\nCUDA_VISIBLE_DEVICES=0 ${launcher} ${evaluate}`;
    expect(imported('v0.10.0', text).codes).toContain('4 ranks-above-devices CUDA_VISIBLE_DEVICES');
  });

  it('a launcher that starts nothing is no command', () => {
    expect(imported('v0.10.0', 'taskset -c 0-15\nnice -n\ntimeout 6h').codes).toEqual([]);
  });
});
