// The server's errors in one text, `what`, `detail: …`, `hint: …` by line, as the three sentences of a card.
import type { Problem } from '../../api';

export function readReport(text: string): Problem {
  const problem: { error: string; detail: string | null; hint: string | null } = { error: '', detail: null, hint: null };
  let at: keyof typeof problem = 'error';
  for (const line of text.split('\n')) {
    const labelled = /^(detail|hint): (.*)$/.exec(line);
    if (labelled) {
      at = labelled[1] as 'detail' | 'hint';
      problem[at] = labelled[2];
    } else {
      problem[at] = problem[at] ? `${problem[at]}\n${line}` : line;
    }
  }
  return problem;
}
