import type { ModelShape } from './model-config.js';

/** A weight whose input channels are quantized in blocks. */
interface Input {
  what: string;
  channels: number;
}

/**
 * Input channels of the weights that int4_awq and w4a8_awq quantize, as one rank has them. The attention's output and the
 * second half of the MLP are split along their inputs, so tensor parallelism leaves a rank fewer (TensorRT-LLM issue 2445).
 */
const inputsOf = ({ hiddenSize, attentionSize, intermediateSize }: ModelShape, tensor: number): Input[] => {
  const split = tensor === 1 ? '' : ` / tensor ${tensor}`;
  return [
    { what: `hidden size ${hiddenSize}`, channels: hiddenSize },
    { what: `attention size ${attentionSize}${split}`, channels: attentionSize / tensor },
    { what: `intermediate size ${intermediateSize}${split}`, channels: intermediateSize / tensor },
  ];
};

/** Whether blocks of this size divide every quantized weight of a rank. */
export const isLegalBlockSize = (shape: ModelShape, tensor: number, blockSize: number): boolean =>
  inputsOf(shape, tensor).every(({ channels }) => channels % blockSize === 0);

/**
 * Why a block size cannot be used, and what can: other sizes with this tensor parallelism, else smaller parallelisms.
 * @param options.tensors degrees below the asked one that divide the model
 */
export function describeBlockSizes(
  shape: ModelShape,
  options: { asked: number; tensor: number; tensors: readonly number[]; supported: readonly number[] },
): { consequence: string; fix: string } {
  const { asked, tensor, tensors, supported } = options;
  const inTheWay = inputsOf(shape, tensor).filter(({ channels }) => channels % asked !== 0);
  const why =
    inTheWay.length === 0
      ? `${asked} is no size that the toolchain has`
      : `${asked} does not divide ${inTheWay.map(({ what, channels }) => `${channels} (${what})`).join(', ')}`;
  const legalWith = (degree: number): number[] =>
    supported.filter((size) => isLegalBlockSize(shape, degree, size)).reverse();

  const legal = legalWith(tensor);
  if (legal.length > 0) return { consequence: why, fix: `use ${legal.join(', ')}` };
  const others = [...tensors]
    .reverse()
    .filter((degree) => legalWith(degree).length > 0)
    .map((degree) => `${legalWith(degree).join(' or ')} with parallelism.tensor ${degree}`);
  const sizes = `nor does any size that the toolchain has (${supported.join(', ')})`;
  return {
    consequence: `${why}, ${sizes}`,
    fix:
      others.length === 0 ? 'use a format without blocks, such as int4_wo' : `use ${others.slice(0, 2).join(', or ')}`,
  };
}
