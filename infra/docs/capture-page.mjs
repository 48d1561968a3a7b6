import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/**
 * Takes the screenshots in docs/images/, with Debian's Chromium:
 *
 *     node infra/docs/capture-page.mjs URL FILE.png "text that must be on the page"
 */
const [url, file, text] = process.argv.slice(2);
if (!url || !file || !text) throw new Error('usage: capture-page.mjs URL FILE.png TEXT');

const profile = mkdtempSync(join(tmpdir(), 'enginesmith-browser-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM_PATH || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  viewport: { width: 1200, height: 962 },
  colorScheme: 'light',
});
try {
  const page = await browser.newPage();
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await page.getByText(text).first().waitFor({ timeout: 20_000 });
  await page.screenshot({ path: file });
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
