import type { Course } from '../course.js';
import type { Finding } from '../findings.js';
import type { Page } from '../page.js';
import type { PageRelease } from '../page-release.js';
import type { ProgramCall } from '../programs.js';
import type { ShellReading } from '../shell/read-commands.js';

/** All that is known of a script once it has been read. */
export interface RuleContext {
  page: Page;
  stated: PageRelease;
  reading: ShellReading;
  calls: readonly ProgramCall[];
  course: Course;
}

/** Looks for one kind of mistake. */
export type Rule = (context: RuleContext) => readonly Finding[];
