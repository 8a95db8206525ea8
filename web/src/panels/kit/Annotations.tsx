// Annotations over a time axis: a dashed line or a shaded region, and below it a marker that says what happened.
import { useLayoutEffect, useReducer, useRef } from 'react';
import { createPortal } from 'react-dom';
import { css } from '@emotion/css';
import { type DataFrame, dateTimeFormat, type GrafanaTheme2, textUtil, type TimeZone } from '@grafana/data';
import { DEFAULT_ANNOTATION_COLOR, Tag, Tooltip, type UPlotConfigBuilder, useStyles2, useTheme2 } from '@grafana/ui';
import type uPlot from 'uplot';

interface Mark { from: number; to: number | null; color: string; title: string; text: string; tags: string[] }

/** Rows of annotation frames; times may be missing or out of range, tags text or lists. */
export function marks(frames: DataFrame[] | undefined, colorOf: (name: string) => string): Mark[] {
  const out: Mark[] = [];
  for (const frame of frames ?? []) {
    const get = (name: string) => frame.fields?.find((field) => field.name === name)?.values ?? [];
    const [time, end, color, title, text, tags] = ['time', 'timeEnd', 'color', 'title', 'text', 'tags'].map(get);
    for (let i = 0; i < frame.length; i++) {
      const from = Number(time[i]);
      if (time[i] == null || !Number.isFinite(from)) {
        continue;
      }
      const to = end[i] != null && Number(end[i]) > from ? Number(end[i]) : null;
      const list = Array.isArray(tags[i]) ? tags[i] : typeof tags[i] === 'string' ? tags[i].split(',').filter(Boolean) : [];
      out.push({ from, to, color: colorOf(String(color[i] ?? DEFAULT_ANNOTATION_COLOR)), title: String(title[i] ?? ''), text: plain(text[i]), tags: list.map(String) });
    }
  }
  return out;
}

/** Texts of annotations may hold HTML in Grafana; here they are words. */
function plain(text: unknown): string {
  return textUtil.sanitize(String(text ?? '')).replace(/<[^>]*>/g, '').replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
}

export function Annotations({ config, frames, timeZone }: { config: UPlotConfigBuilder; frames?: DataFrame[]; timeZone: TimeZone }) {
  const theme = useTheme2();
  const styles = useStyles2(markerStyles);
  const plot = useRef<uPlot | null>(null);
  const list = marks(frames, (name) => theme.visualization.getColorByName(name));
  const latest = useRef(list);
  latest.current = list;
  const [, again] = useReducer((n: number) => n + 1, 0);
  const where = useRef('');

  useLayoutEffect(() => {
    config.addHook('ready', (u) => {
      plot.current = u;
      again();
    });
    config.addHook('draw', (u) => {
      drawMarks(u, latest.current);
      const now = `${u.scales.x.min} ${u.scales.x.max} ${u.bbox.left} ${u.bbox.width}`;
      if (now !== where.current) {
        where.current = now;
        queueMicrotask(again);
      }
    });
  }, [config]);
  useLayoutEffect(() => {
    plot.current?.redraw(false, false);
  }, [frames]);

  const u = plot.current;
  if (!u?.over || list.length === 0) {
    return null;
  }
  const width = u.bbox.width / devicePixelRatio;
  return createPortal(
    list.map((mark, i) => {
      const left = u.valToPos(mark.from, 'x');
      const right = mark.to === null ? left : u.valToPos(mark.to, 'x');
      if (!(right >= 0 && left <= width)) {
        return null;
      }
      const when = [mark.from, mark.to].filter((t) => t !== null).map((t) => dateTimeFormat(t, { timeZone })).join(' – ');
      const words = mark.title || mark.text || 'Annotation';
      return (
        <Tooltip key={i} content={<Words mark={mark} when={when} />}>
          <button type="button" className={mark.to === null ? styles.point : styles.span} aria-label={`${words}, ${when}`}
            style={mark.to === null
              ? { left: left - 8, color: mark.color }
              : { left: Math.max(0, left), width: Math.max(4, Math.min(width, right) - Math.max(0, left)), background: mark.color }} />
        </Tooltip>
      );
    }),
    u.over,
  );
}

function Words({ mark, when }: { mark: Mark; when: string }) {
  return (
    <div>
      <div>{when}</div>
      {mark.title && <strong>{mark.title}</strong>}
      {mark.text && <div>{mark.text}</div>}
      {mark.tags.map((tag) => <Tag key={tag} name={tag} />)}
    </div>
  );
}

function drawMarks(u: uPlot, list: Mark[]) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const line = (x: number, color: string) => {
    ctx.beginPath();
    ctx.strokeStyle = color;
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 5 * devicePixelRatio]);
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  };
  for (const mark of list) {
    const from = u.valToPos(mark.from, 'x', true);
    if (mark.to !== null) {
      const to = u.valToPos(mark.to, 'x', true);
      ctx.globalAlpha = 0.12;
      ctx.fillStyle = mark.color;
      ctx.fillRect(from, bbox.top, to - from, bbox.height);
      ctx.globalAlpha = 1;
      line(to, mark.color);
    }
    line(from, mark.color);
  }
  ctx.restore();
}

const markerStyles = (theme: GrafanaTheme2) => {
  const base = { position: 'absolute', padding: 0, cursor: 'pointer', zIndex: 1, '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}` } } as const;
  return {
    // The triangle is small, what the pointer can hit is not.
    point: css({ ...base, top: '100%', width: 16, height: 12, background: 'none', border: 0, '&::before': { content: '""', position: 'absolute', left: 3, top: 0, border: 'solid transparent', borderWidth: '0 5px 5px 5px', borderBottomColor: 'currentColor' } }),
    span: css({ ...base, top: '100%', height: 6, border: 0 }),
  };
};
