import { Eta } from 'eta/core';
import { stylesheet } from './stylesheet.js';

/** Nothing is fetched and nothing runs, whatever a page holds. */
export const contentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

const eta = new Eta({ autoEscape: true, autoTrim: [false, 'nl'] });

const documentTemplate = eta.compile(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="<%= it.contentSecurityPolicy %>">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title><%= it.title %></title>
<style><%~ it.stylesheet %></style>
</head>
<body>
<%~ it.body %>
</body>
</html>
`);

/** Compiles a template that writes HTML: `<%= … %>` is escaped, `<%~ … %>` is for what is HTML already. */
export function htmlTemplate<View extends object>(source: string): (view: View) => string {
  const compiled = eta.compile(source);
  return (view) => eta.render(compiled, view);
}

/** A whole page of one body, which is HTML already. It needs nothing but itself. */
export const htmlDocument = (title: string, body: string): string =>
  eta.render(documentTemplate, { title, body, stylesheet, contentSecurityPolicy });
