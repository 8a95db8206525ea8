// An error in its three sentences: what happened, why, what helps. And the boundary that shows one instead of a page.
import { Alert } from '@grafana/ui';
import { css } from '@emotion/css';
import { Component, type ReactNode } from 'react';
import { problemFrom } from '../api';

export function ErrorCard({ error }: { error: unknown }) {
  const problem = problemFrom(error);
  return (
    <Alert title={problem.error} severity="error">
      {problem.detail && <div className={detail}>{problem.detail}</div>}
      {problem.hint && <div>Hint: {problem.hint}</div>}
    </Alert>
  );
}

const detail = css({ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' });

/** Give it a key that changes with the route, so that leaving the page leaves its error. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    return this.state.error === undefined ? this.props.children : <ErrorCard error={this.state.error} />;
  }
}
