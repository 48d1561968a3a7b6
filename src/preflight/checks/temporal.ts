import { searchAttributes } from '../../contracts/search-attributes.js';
import { connectClient } from '../../platform/connection.js';
import { type Check, fail, ok, warn } from '../check.js';

export const temporal: Check = {
  name: 'temporal',
  beforeTools: false,
  async run({ temporalAddress }) {
    const client = await connectClient({ address: temporalAddress }).catch(
      (failure: unknown) => `${failure instanceof Error ? failure.message : failure}`,
    );
    if (typeof client === 'string') {
      const [found = ''] = client.split(' Start the');
      return [fail(found, 'Start the embedded one with `npx enginesmith dev`, or set TEMPORAL_ADDRESS.')];
    }
    try {
      const { namespace } = client.options;
      const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
      const missing = Object.values(searchAttributes).filter(({ name }) => !(name in customAttributes));
      if (missing.length === 0) return [ok(`namespace ${namespace}, with every search attribute`)];
      const commands = missing.map(
        ({ name }) =>
          `\`temporal operator search-attribute create --namespace ${namespace} --name ${name} --type Keyword\``,
      );
      return [
        warn(
          `namespace ${namespace} lacks ${missing.map(({ name }) => name).join(', ')}`,
          `A worker registers them where it may; else: ${commands.join(', ')}.`,
        ),
      ];
    } finally {
      await client.connection.close();
    }
  },
};
