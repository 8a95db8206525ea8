// Holds what may be larger than its place. Where it is, the keyboard reaches it, too.
import type { ReactNode } from 'react';
import { useOverflows } from './useOverflows';

export function Scroll({ label, className, children }: { label: string; className: string; children: ReactNode }) {
  const { place, overflows } = useOverflows<HTMLDivElement>();
  return (
    <div ref={place} className={className} {...(overflows && { tabIndex: 0, role: 'region', 'aria-label': label })}>
      {children}
    </div>
  );
}
