import * as z from 'zod';

/** Name of the one file of a serving-parameters artifact. */
export const SERVING_PARAMETERS_FILE = 'serving-parameters.json';

const values = z.record(z.string(), z.string());

/**
 * What a revision serves, without a path: values for the templates' placeholders, in which `{model}` and `{engine}` stand
 * for directories that only the serving host knows.
 */
export const servingParametersSchema = z.strictObject({
  schema: z.literal('enginesmith/serving-parameters/v1'),
  /** Directory under the toolchain's `opt/ensemble_models`. */
  template: z.string(),
  /** Ranks to launch: that of the engine. */
  worldSize: z.int().min(1),
  values: z.strictObject({
    preprocessing: values,
    postprocessing: values,
    tensorrt_llm_bls: values,
    ensemble: values,
    tensorrt_llm: values,
  }),
});

export type ServingParameters = z.infer<typeof servingParametersSchema>;
