// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { safeHtml } from './safeHtml';

const bad = ['<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<a href="javascript:alert(1)">x</a>', '<svg onload=alert(1)>', '<iframe src="javascript:alert(1)"></iframe>', '[x](javascript:alert(1))'];
const runs = /<script|onerror=|onload=|href="?javascript|src="?javascript/i;

describe('text panel', () => {
  it('lets nothing run, as Markdown and as HTML', () => {
    for (const mode of ['markdown', 'html']) {
      for (const content of bad) {
        expect(safeHtml(mode, content, (text) => text).replace(/&lt;.*?&gt;/g, '')).not.toMatch(runs);
      }
    }
  });
  it('asks for variables as escaped HTML', () => {
    const formats: unknown[] = [];
    safeHtml('html', '$x', (text, _scoped, format) => {
      formats.push(format);
      return text;
    });
    expect(formats).toEqual(['html']);
  });
  it('keeps what is harmless', () => {
    expect(safeHtml('markdown', '# Title\n\n*a* [b](https://example.org)', (text) => text)).toMatch(/<h1.*Title.*<em>a<\/em>.*href="https:\/\/example\.org"/s);
  });
});
