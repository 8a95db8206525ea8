// How long a query is under way.
import { useEffect, useState } from 'react';

export function Elapsed({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return <span style={{ fontVariantNumeric: 'tabular-nums' }}>{(Math.max(0, now - since) / 1000).toFixed(1)} s</span>;
}
