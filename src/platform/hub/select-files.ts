import { extname } from 'node:path/posix';
import { EnginesmithFailure } from '../../contracts/failures.js';

/** What a Transformers loader reads beside the weights: configuration, tokenizers, chat templates, remote code. */
const MODEL_EXTENSIONS = new Set(['.safetensors', '.json', '.txt', '.model', '.tiktoken', '.jinja', '.py']);
/** Directories in which repositories keep the same weights once more, for other runtimes. */
const OTHER_RUNTIMES = new Set(['original', 'onnx', 'openvino', 'coreml', 'metal', 'gguf', 'tflite', 'runs']);
const OTHER_WEIGHTS = new Set(['.bin', '.pt', '.pth', '.onnx', '.gguf', '.msgpack', '.h5', '.ckpt', '.tflite', '.ot']);
/** Data that `datasets` reads without running code of the repository. */
const DATA_EXTENSIONS = new Set(['.parquet', '.arrow', '.json', '.jsonl', '.csv', '.tsv', '.txt']);
const COMPRESSIONS = /\.(gz|zst|bz2|xz)$/;
/** The card of a dataset is configuration too: its head maps configurations and splits to files. */
const DATASET_CARD = 'README.md';

/** A file of a repository, or of a directory that is laid out as one. */
interface Listed {
  path: string;
}

const isHidden = (path: string): boolean => path.split('/').some((segment) => segment.startsWith('.'));
const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const isLicense = (path: string): boolean => /^(license|licence|notice)(\.|$)/i.test(path);
const isSafetensors = (file: Listed): boolean => file.path.endsWith('.safetensors');
/** Mistral's own layout of weights that the same repository also has as model-*.safetensors. */
const isConsolidated = (file: Listed): boolean => baseName(file.path).startsWith('consolidated');

/**
 * The files of a model repository that the toolchain can use: safetensors weights, configuration, tokenizer, licence.
 * @throws EnginesmithFailure `UnsupportedModel` when there are no safetensors weights or no config.json
 */
export function selectModelFiles<File extends Listed>(files: readonly File[]): File[] {
  const usable = files.filter(({ path }) => {
    const top = path.split('/')[0] ?? '';
    if (isHidden(path) || OTHER_RUNTIMES.has(top)) return false;
    return MODEL_EXTENSIONS.has(extname(path)) || isLicense(path);
  });
  const weights = usable.filter(isSafetensors);
  if (weights.length === 0) {
    const found = [
      ...new Set(files.map(({ path }) => extname(path)).filter((extension) => OTHER_WEIGHTS.has(extension))),
    ];
    throw new EnginesmithFailure(
      'UnsupportedModel',
      `The repository has no safetensors weights${found.length === 0 ? '' : `, only ${found.join(', ')}`}. ` +
        'Name a repository or revision that has them, or convert the weights with save_pretrained(safe_serialization=True).',
      { context: { found: found.join(' ') } },
    );
  }
  if (!usable.some(({ path }) => path === 'config.json')) {
    throw new EnginesmithFailure(
      'UnsupportedModel',
      'The repository has no config.json: it holds an adapter or a part of a model. Name the repository of the merged model.',
    );
  }
  const repeatsWeights = weights.some((file) => !isConsolidated(file));
  return usable.filter((file) => !(repeatsWeights && isSafetensors(file) && isConsolidated(file)));
}

/**
 * The files of a dataset repository that hold data, and its card.
 * @throws EnginesmithFailure `UnsupportedModel` when there is no data: the repository runs a script
 */
export function selectDatasetFiles<File extends Listed>(files: readonly File[]): File[] {
  const isData = (path: string): boolean =>
    !isHidden(path) && DATA_EXTENSIONS.has(extname(path.replace(COMPRESSIONS, '')));
  if (!files.some(({ path }) => isData(path))) {
    throw new EnginesmithFailure(
      'UnsupportedModel',
      'The dataset repository has no data files: expected Parquet, Arrow, JSON, CSV or text. Loading scripts are not run; ' +
        'name a revision that has converted files.',
    );
  }
  return files.filter(({ path }) => isData(path) || path === DATASET_CARD);
}
