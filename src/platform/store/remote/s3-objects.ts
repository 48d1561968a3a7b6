import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { ManifestFile } from '../../../contracts/artifacts.js';
import type { RemoteStoreAddress } from '../../config.js';
import { hasName, reaching } from './s3-failures.js';

/** Objects below one prefix of a bucket. Whatever does not answer fails as `RemoteStoreUnavailable`. */
export interface RemoteObjects {
  /** @returns undefined when there is no such object */
  read(name: string): Promise<string | undefined>;
  /** Writes a small object, over an earlier one. */
  write(name: string, text: string): Promise<void>;
  /** @returns false when there is one already, which stays: of several that write at once, one gets true */
  create(name: string, text: string): Promise<boolean>;
  /** Uploads a file in parts, each checked by its sha256, unless an object of its size and content is there. */
  upload(name: string, path: string, file: Pick<ManifestFile, 'bytes' | 'sha256'>): Promise<void>;
  /**
   * Downloads into a file, from where it broke off when the connection does.
   * @returns the sha256 of what has arrived
   */
  download(name: string, path: string, bytes: number): Promise<string>;
  /** Names of the objects whose names begin so. */
  list(start: string): Promise<string[]>;
  remove(name: string): Promise<void>;
  close(): void;
}

/** Kept in memory while it is under way, four at a time. S3 takes parts from 5 MiB, and 10 000 of them. */
const PART_BYTES = 16 * 1024 * 1024;
const MAXIMUM_PARTS = 9_000;

/** Of one request, by the SDK, with back-off; whoever calls tries again later. */
const ATTEMPTS = 3;
/** Breaks in a row without a byte between them. */
const DOWNLOAD_ATTEMPTS = 4;
const CONNECTION_TIMEOUT_MS = 5_000;
/** Of a connection on which nothing moves. */
const IDLE_TIMEOUT_MS = 60_000;

/** What an object's file hashes to, beside it: a part's checksum says nothing of the whole. */
const CONTENT_KEY = 'sha256';

/** Region and credentials are found as all of AWS's tools find them: `AWS_*` variables, profiles, roles. */
export function createS3Objects({ bucket, prefix, endpoint }: RemoteStoreAddress): RemoteObjects {
  const client = new S3Client({
    maxAttempts: ATTEMPTS,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    // Servers of others do not all know the checksums that AWS's has by default; ours are asked for by name.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
  });
  const locate = (name: string) => ({ Bucket: bucket, Key: prefix === '' ? name : `${prefix}/${name}` });
  const put = (name: string, text: string, conditions: { IfNoneMatch?: string } = {}) =>
    client.send(
      new PutObjectCommand({
        ...locate(name),
        ...conditions,
        Body: text,
        ContentType: 'application/json',
        ChecksumSHA256: createHash('sha256').update(text).digest('base64'),
      }),
    );

  const isThere = async (name: string, { bytes, sha256 }: Pick<ManifestFile, 'bytes' | 'sha256'>) => {
    try {
      const found = await client.send(new HeadObjectCommand(locate(name)));
      return found.ContentLength === bytes && found.Metadata?.[CONTENT_KEY] === sha256;
    } catch (error) {
      if (hasName(error, 'NotFound', 'NoSuchKey')) return false;
      throw error;
    }
  };

  return {
    read: (name) =>
      reaching(bucket, async () => {
        try {
          return await (await client.send(new GetObjectCommand(locate(name)))).Body?.transformToString('utf8');
        } catch (error) {
          if (hasName(error, 'NoSuchKey', 'NotFound')) return undefined;
          throw error;
        }
      }),
    write: (name, text) =>
      reaching(bucket, async () => {
        await put(name, text);
      }),
    create: (name, text) =>
      reaching(bucket, async () => {
        try {
          await put(name, text, { IfNoneMatch: '*' });
          return true;
        } catch (error) {
          if (hasName(error, 'PreconditionFailed')) return false;
          throw error;
        }
      }),
    upload: (name, path, file) =>
      reaching(bucket, async () => {
        if (await isThere(name, file)) return;
        const upload = new Upload({
          client,
          params: {
            ...locate(name),
            Body: createReadStream(path),
            ChecksumAlgorithm: 'SHA256',
            Metadata: { [CONTENT_KEY]: file.sha256 },
          },
          partSize: Math.max(PART_BYTES, Math.ceil(file.bytes / MAXIMUM_PARTS)),
        });
        await upload.done();
      }),
    download: (name, path, bytes) =>
      reaching(bucket, async () => {
        const hash = createHash('sha256');
        const handle = await open(path, 'w');
        let received = 0;
        const receive = async (): Promise<void> => {
          const range = received === 0 ? {} : { Range: `bytes=${received}-` };
          const { Body } = await client.send(new GetObjectCommand({ ...locate(name), ...range }));
          if (Body === undefined) return;
          for await (const chunk of Body as AsyncIterable<Uint8Array>) {
            hash.update(chunk);
            await handle.write(chunk);
            received += chunk.length;
          }
        };
        try {
          for (let breaks = 0; ; ) {
            const before = received;
            try {
              await receive();
              break;
            } catch (error) {
              if (received >= bytes) break;
              breaks = received > before ? 1 : breaks + 1;
              if (breaks >= DOWNLOAD_ATTEMPTS || hasName(error, 'NoSuchKey', 'AccessDenied')) throw error;
            }
          }
          await handle.sync();
        } finally {
          await handle.close();
        }
        return hash.digest('hex');
      }),
    list: (start) =>
      reaching(bucket, async () => {
        const names: string[] = [];
        const { Key: Prefix } = locate(start);
        for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix })) {
          for (const { Key = '' } of Contents) names.push(Key.slice(Prefix.length - start.length));
        }
        return names;
      }),
    remove: (name) =>
      reaching(bucket, async () => {
        await client.send(new DeleteObjectCommand(locate(name)));
      }),
    close: () => client.destroy(),
  };
}
