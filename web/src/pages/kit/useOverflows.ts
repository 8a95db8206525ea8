// Whether a place holds more than it shows: then the keyboard has to reach it to scroll it.
import { useLayoutEffect, useRef, useState } from 'react';

export function useOverflows<E extends HTMLElement>() {
  const place = useRef<E>(null);
  const [overflows, setOverflows] = useState(false);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) {
      return;
    }
    const look = () => setOverflows(element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight);
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    if (element.firstElementChild) {
      observer.observe(element.firstElementChild);
    }
    return () => observer.disconnect();
  }, []);
  return { place, overflows };
}
