import { describe, expect, it } from 'vitest';
import { imported } from './import-fixture.js';

const quantize = 'python3 quantize.py --model_dir /m/Qwen2-7B --qformat fp8 --output_dir /q';
const build = 'trtllm-build --checkpoint_dir /q --output_dir /e --max_batch_size 4';

/** Name and batch of each spec of a script that says its release. */
const specsOf = (text: string) =>
  imported('v0.10.0', text).specs.map(({ name, build: built }) => `${name} ${JSON.stringify(built).match(/\d+/)?.[0]}`);

const once = ['qwen2-7b-fp8 4'];

describe('importScript, of shell that builds its commands', () => {
  it.each([
    ['an array of flags', `F=(--max_batch_size 4)\n${quantize}\n${build} "\${F[@]}"`, once],
    ['an array that grows', `F=()\nF+=(--max_batch_size)\nF+=(4)\n${quantize}\n${build} \${F[@]}`, once],
    ['an element', `F=(2 4)\n${quantize}\n${build} --max_batch_size \${F[1]}`, once],
    ['an empty array', `F=()\n${quantize}\n${build} "\${F[@]}"`, once],
    [
      'a loop over an array',
      `M=(int8_sq fp8)\nfor m in "\${M[@]}"; do ${quantize}-$m --qformat $m; trtllm-build --checkpoint_dir /q-$m --output_dir /e-$m --max_batch_size 4; done`,
      ['qwen2-7b-int8-sq 4', 'qwen2-7b-fp8 4'],
    ],
    [
      'a range',
      `${quantize}\nfor i in {2..3}; do ${build} --output_dir /e$i --max_batch_size $i; done`,
      ['qwen2-7b-fp8 2', 'qwen2-7b-fp8-2 3'],
    ],
    [
      'a list in braces',
      `${quantize}\nfor i in {2,3}; do ${build} --output_dir /e$i --max_batch_size $i; done`,
      ['qwen2-7b-fp8 2', 'qwen2-7b-fp8-2 3'],
    ],
    [
      'seq',
      `${quantize}\nfor i in $(seq 2 3); do ${build} --output_dir /e$i --max_batch_size $i; done`,
      ['qwen2-7b-fp8 2', 'qwen2-7b-fp8-2 3'],
    ],
    ['a default that is assigned', `: \${B:=4}\n${quantize}\n${build} --max_batch_size $B`, once],
    ['a replacement', `B=x5\nB=\${B/x5/4}\n${quantize}\n${build} --max_batch_size $B`, once],
    ['what is cut off', `B=a/b/4.json\nB=\${B##*/}\n${quantize}\n${build} --max_batch_size \${B%.*}`, once],
    [
      'a function that runs its arguments in a container',
      `run() { docker run --rm img "$@"; }\nrun ${quantize}\nrun ${build}`,
      once,
    ],
    ['a function that says what it runs', `run() { echo "+ $*"; eval "$@"; }\nrun ${quantize}\nrun ${build}`, once],
    ['a function that runs its arguments', `run() { "$@"; }\nrun ${quantize}\nrun ${build}`, once],
    ['a function with a shell of its own', `run() { bash -c "$*"; }\nrun "${quantize}"\nrun "${build}"`, once],
    ['a here-document for a shell', `bash <<'X'\n${quantize}\n${build}\nX`, once],
    ['a here-document for a shell in a container', `docker run -i img bash -s <<'X'\n${quantize}\n${build}\nX`, once],
    ['a command in a variable', `CMD="${quantize}"\n$CMD\nCMD="${build}"; $CMD`, once],
  ])('follows %s', (_, text, specs) => {
    expect(specsOf(text)).toEqual(specs);
  });

  it.each([
    ['one side and the other of a test', '[[ $A == 1 ]] && B=2 || B=4'],
    ['what a test may set', 'B=2; [ -z "$A" ] && B=4'],
    ['what a test may not set', 'B=2; [ -n "$A" ] || B=4'],
    ['what a test that is turned around may set', 'B=2; ! test -d /e >/dev/null && B=4'],
    ['what a sum may set', 'B=2; (( A > 1 )) && B=4'],
    ['what a test in brackets may set', 'B=2; [[ -d /e ]] 2>/dev/null && B=4'],
    ['what a second test may set', 'B=2; mkdir -p /e && [ -z "$A" ] && B=4'],
    ['what stands in for a command that fails', 'B=2; grep -q A100 /gpus || B=4'],
  ])('does not know %s', (_, text) => {
    const { codes, yaml } = imported('v0.10.0', `${quantize}\n${text}\n${build} --max_batch_size $B`);
    expect(codes).toEqual(['4 unknown-value $B']);
    expect(yaml[0]).toMatch(/line 4 gives --max_batch_size \$B, which is not known/);
  });

  it.each([
    ['what commands set in a row', 'B=2; mkdir -p /w && cd /w && B=4'],
    ['what follows a stand-in', 'B=2; mkdir /w || true && B=4'],
    ['what a test sets for the first time', '[ -z "$B" ] && B=4'],
    ['what a test sets to what it was', 'B=4; [ -z "$A" ] && B=4 || B=4'],
    ['what a test leaves alone', 'B=4; [ -d /w ] || { echo "no /w"; exit 1; }'],
  ])('knows %s', (_, text) => {
    expect(specsOf(`${quantize}\n${text}\n${build} --max_batch_size $B`)).toEqual(once);
  });

  const here = `${quantize.replace('/q', './q')}\n`;
  const there = build.replace('/q', '/w/q');

  it.each([
    ['popd', `cd /w; pushd examples/llama >/dev/null; popd; ${here}${there}`],
    ['popd out of two', `cd /w; pushd a; pushd b; popd; popd; ${here}${there}`],
    ['popd as far as pushd went', `pushd /w; pushd a; popd; ${here}${there}`],
    ['popd without a pushd', `cd /w; popd; ${here}${there}`],
    ['popd after a branch that came back', `cd /w; if true; then pushd a; popd; fi; ${here}${there}`],
    ['pushd between two directories', `cd /w; pushd a; pushd; ${here}${there}`],
    ['cd -', `cd /w; cd examples/llama; cd -; ${here}${there}`],
    ['cd - twice', `cd /v; cd /w; cd -; cd -; ${here}${there}`],
    ['cd with options', `cd /; cd -P w; ${here}${there}`],
    ['a subshell and its own pushd', `cd /w; (pushd a; pushd b); popd; ${here}${there}`],
    ['what a test lets run in a directory', `[ -d /w ] && cd /w && ${here}${there}`],
  ])('follows %s', (_, text) => {
    expect(specsOf(text)).toEqual(once);
  });

  it.each([
    ['cd into what is not known', 'cd $A; pushd b; popd'],
    ['cd - at the start', 'cd -'],
    ['a place in the stack', 'cd /w; pushd a; pushd +1'],
    ['a test', 'cd /w; [ -d a ] && cd a'],
  ])('does not know where it is after %s', (_, text) => {
    expect(imported('v0.10.0', `${text}\n${here}${there}`).specs).toEqual([]);
  });

  it('counts no directories further than people do', () => {
    const loop = (text: string) => `for i in {1..64}; do for j in {1..64}; do ${text}; done; done`;
    expect(() => imported('v0.10.0', `cd /${'a'.repeat(2000)}\n${loop('pushd .')}`)).toThrow(/more than 8 MiB/);
  });

  it.each([
    [
      'CUDA_VISIBLE_DEVICES=0 mpirun -n 2 python3 run.py --max_output_len 4',
      '2 ranks-above-devices CUDA_VISIBLE_DEVICES',
    ],
    ['trtllm-bench throughput', '2 unknown-program trtllm-bench'],
    ['nvidia-smi -ac 5001,1590', '2 clocks-never-reset -ac'],
  ])('says something of %s', (text, code) => {
    expect(imported('v0.10.0', text).codes).toEqual([code]);
  });

  it.each([
    'CUDA_VISIBLE_DEVICES=0,1 mpirun -n 2 python3 run.py --max_output_len 4',
    'nvidia-smi -ac 5001,1590\nnvidia-smi -rac',
  ])('finds nothing in %s', (text) => {
    expect(imported('v0.10.0', text).codes).toEqual([]);
  });

  it('replaces no text by one that nobody could hold', () => {
    const text = `A=\${A:-${'a'.repeat(60_000)}}\nB=\${A//a/$A}\n${quantize}\n${build} --max_input_len $B`;
    expect(imported('v0.10.0', text).codes).toEqual(['5 unknown-value $B']);
  });

  it('names the line of the call, not that of the function', () => {
    const { codes } = imported('v0.10.0', `run() {\n  "$@"\n}\nrun ${quantize}\nrun ${build} --frob 1`);
    expect(codes).toEqual(['6 unknown-flag --frob']);
  });

  it.each([
    ['a script that is not known', 'bash -c "$SCRIPT"', 'command-not-followed "$SCRIPT"'],
    ['a command that is not known', `$TOOL --model_dir /m/Qwen2-7B\n${build}`, 'command-not-followed $TOOL'],
    ['what is evaluated', 'eval "$(cat f)"', 'command-not-followed "$(cat f)"'],
  ])('says that it did not follow %s', (_, text, code) => {
    expect(imported('v0.10.0', text).codes).toContain(`2 ${code}`);
  });

  it.each([
    ['{1..100000}', '{1..100000}'],
    ['$(seq 1 100000)', '$(seq 1 100000)'],
    ['{a,b}'.repeat(12), '{a,b}'.repeat(12)],
  ])('counts no further than people do: %s', (words) => {
    const { codes } = imported('v0.10.0', `${quantize}\n${build} ${words}`);
    expect(codes.length).toBeLessThan(3);
  });

  it('says of what a value is unknown', () => {
    const { findings } = imported(
      'v0.10.0',
      `${quantize}\n${build} "\${EXTRA[@]}" --max_input_len $((N + 1)) --workers "$@"`,
    );
    expect(findings.map(({ message }) => message.split(': ')[1])).toEqual([
      'the array EXTRA is not known',
      'a number in it is not known',
      'what the script is started with is not known',
    ]);
  });
});
